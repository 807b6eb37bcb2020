//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Says why `ip` is not to be connected to, or `None` for an address of the public internet.
///
/// Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its successors), the
/// multicast ranges (RFC 5771, RFC 4291), and the addresses at which cloud providers serve a machine its own
/// credentials. An IPv6 address that carries an IPv4 address inside (mapped, compatible, NAT64, 6to4) is judged by
/// the one inside, because that is where a packet may end up.
pub fn refusal(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => refusal_v4(ip),
        IpAddr::V6(ip) => refusal_v6(ip),
    }
}

/// Whether `url` itself names a place that is not public: an address literal of that kind, `localhost`, or a name
/// below `.localhost` (RFC 6761), `.local` (RFC 6762) or `.internal` (reserved by ICANN in 2024).
///
/// A person who gives such a source by hand means it; see [`FetchRequest::private_allowed`](crate::FetchRequest).
pub fn names_private_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => refusal_v4(ip).is_some(),
        Some(Host::Ipv6(ip)) => refusal_v6(ip).is_some(),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let last = name.rsplit('.').next().unwrap_or(name);
            ["localhost", "local", "internal"].iter().any(|private| last.eq_ignore_ascii_case(private))
        }
        None => false,
    }
}

fn refusal_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, d] = ip.octets();
    match (a, b, c, d) {
        (169, 254, 169, 254) | (100, 100, 100, 200) | (192, 0, 0, 192) | (168, 63, 129, 16) => {
            Some("a cloud metadata address")
        }
        (0, ..) => Some("an unspecified address"),
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => Some("a private address"),
        (100, 64..=127, ..) => Some("a carrier-grade NAT address"),
        (127, ..) => Some("a loopback address"),
        (169, 254, ..) => Some("a link-local address"),
        (192, 0, 0, _) | (192, 88, 99, _) | (240..=254, ..) => Some("a reserved address"),
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => Some("a documentation address"),
        (198, 18..=19, ..) => Some("a benchmarking address"),
        (224..=239, ..) => Some("a multicast address"),
        (255, ..) => Some("a broadcast address"),
        _ => None,
    }
}

fn refusal_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let s = ip.segments();
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        // Mapped ::ffff:a.b.c.d, compatible ::a.b.c.d and NAT64 64:ff9b::a.b.c.d carry IPv4 in the last 32 bits.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            refusal_v4(inside(high, low))
        }
        // 6to4 carries IPv4 right after its prefix.
        [0x2002, high, low, ..] => refusal_v4(inside(high, low)),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Some("a cloud metadata address"),
        [0xfc00..=0xfdff, ..] => Some("a private address"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfec0..=0xfeff, ..] => Some("a site-local address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Some("a documentation address"),
        [0x2001, 0, ..] => Some("a Teredo address"),
        // The rest of 2001::/23 is set aside for protocols (benchmarking, ORCHID and others).
        [0x2001, 1..=0x1ff, ..] => Some("a reserved address"),
        // Everything that is not global unicast today.
        [0x2000..=0x3fff, ..] => None,
        _ => Some("a reserved address"),
    }
}

fn inside(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> bool {
        refusal(text.parse().unwrap()).is_some()
    }

    #[test]
    fn public_addresses_pass() {
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.255.255",
            "100.128.0.0",
            "223.255.255.255",
        ] {
            assert!(!refused(ip), "{ip}");
        }
        for ip in ["2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
        {
            assert!(!refused(ip), "{ip}");
        }
    }

    #[test]
    fn special_addresses_are_refused() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "169.254.0.9",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "100.100.100.200",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(refused(ip), "{ip}");
        }
    }

    #[test]
    fn odd_spellings_of_private_hosts_are_seen_through() {
        for url in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://[::ffff:7f00:1]/",
            "http://LOCALHOST/",
            "http://a.localhost./",
            "http://printer.local/",
            "http://metadata.google.internal/",
        ] {
            assert!(names_private_host(&Url::parse(url).unwrap()), "{url}");
        }
        for url in ["http://example.org/", "http://8.8.8.8/", "http://localhost.example.org/", "mailto:a@b"] {
            assert!(!names_private_host(&Url::parse(url).unwrap()), "{url}");
        }
    }

    proptest! {
        #[test]
        fn an_address_inside_is_judged_like_itself(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            prop_assume!(bits > 1); // :: and ::1 are addresses of their own
            let [a, b] = [(bits >> 16) as u16, bits as u16];
            for v6 in [
                v4.to_ipv6_mapped(),
                v4.to_ipv6_compatible(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
            ] {
                prop_assert_eq!(refusal_v6(v6), refusal_v4(v4));
            }
        }

        #[test]
        fn what_the_standard_library_calls_special_is_refused(bits: u32, wide: u128) {
            let v4 = Ipv4Addr::from_bits(bits);
            if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast() || v4.is_multicast()
                || v4.is_documentation() || v4.is_unspecified() {
                prop_assert!(refusal_v4(v4).is_some());
            }
            let v6 = Ipv6Addr::from_bits(wide);
            if v6.is_loopback() || v6.is_multicast() || v6.is_unicast_link_local() || v6.is_unique_local() {
                prop_assert!(refusal_v6(v6).is_some());
            }
        }
    }
}
