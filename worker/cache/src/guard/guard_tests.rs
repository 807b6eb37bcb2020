//! The guards over whole texts: what is caught always, and what is let through.

use proptest::{prelude::*, sample::select};

use super::{Alike, Refusal, Signature};

fn compare(one: &str, other: &str) -> Result<Alike, Refusal> {
    let (one, other) = (Signature::of(None, one), Signature::of(None, other));
    let answer = one.compare(&other);
    assert_eq!(answer, other.compare(&one), "comparing is symmetric");
    answer
}

#[test]
fn how_a_thing_is_written_makes_no_difference() {
    for (one, other) in [
        ("The mill sold 5,000 sacks on 12 March 2026.", "Mill sold 5000 sacks\non March 12, 2026"),
        ("The mill sold five thousand sacks.", "The mill sold 5,000 sacks."),
        ("It costs $5 and isn't sold abroad by them.", "It costs 5 dollars and is not sold abroad by them."),
        ("Der Rat hat 5.000 € für das Dach bewilligt.", "Der Rat hat 5000 Euro für das Dach bewilligt!"),
        ("A “quoted” – dashed text about weaving.", "A \"quoted\" - dashed text about weaving"),
        ("The mill reopens in spring.\nShare this article with friends.", "The mill reopens in spring."),
    ] {
        assert_eq!(compare(one, other), Ok(Alike::SameWords), "{one}");
    }
}

/// Words at the same end of a scale speak for the same side, and are other words all the same.
#[test]
fn words_of_one_pole_are_not_the_same_word() {
    let text = |word: &str| {
        format!("In May the court of Orrin heard that the {word} had kept the accounts of the mill.")
    };
    for (one, other) in [("father", "son"), ("mother", "wife"), ("daughter", "mother"), ("father", "husband")]
    {
        assert_eq!(compare(&text(one), &text(other)), Err(Refusal::Words), "{one}, {other}");
    }
    for (one, other) in [
        (
            "The bill barely passed in the lower house on Monday.",
            "The bill never passed in the lower house on Monday.",
        ),
        (
            "Few members of the board voted for the new looms.",
            "Some members of the board voted for the new looms.",
        ),
        (
            "The mother sued the daughter over the old water mill.",
            "The daughter sued the mother over the old water mill.",
        ),
        (
            "More looms were sold abroad by the mill this spring.",
            "Bigger looms were sold abroad by the mill this spring.",
        ),
    ] {
        assert!(compare(one, other).is_err(), "{one}");
    }
}

#[test]
fn each_difference_has_its_name() {
    let text = "The board of Orrin Mills approved a loan of 3,000 euros on 4 May 2026 for looms.";
    for (from, to, refusal) in [
        ("3,000", "8,000", Refusal::Number),
        ("euros", "dollars", Refusal::Number),
        ("May", "June", Refusal::Date),
        ("2026", "2025", Refusal::Date),
        ("Orrin", "Torrin", Refusal::Name),
        ("approved", "rejected", Refusal::Negation),
        ("approved", "never approved", Refusal::Negation),
        ("looms", "boats", Refusal::Words),
    ] {
        assert_eq!(compare(text, &text.replace(from, to)), Err(refusal), "{from} {to}");
    }
    assert_eq!(compare("Orrin sued Torrin over looms.", "Torrin sued Orrin over looms."), Err(Refusal::Name));
}

#[test]
fn a_reworded_text_is_left_to_the_embedding() {
    let one = "In Orrin, local volunteers have planted hundreds of young trees along the river to slow erosion and \
        to give birds a place to nest during the coming seasons.";
    let other = "To protect the banks of the stream and offer nesting sites, the townspeople of Orrin put hundreds \
        of saplings into the ground beside the water, which should also hold back the soil.";
    assert_eq!(compare(one, other), Ok(Alike::Reworded));
    assert_eq!(compare(one, &other.replace("Orrin", "Torrin")), Err(Refusal::Name));
}

#[test]
fn where_facts_cannot_be_told_nothing_reworded_passes() {
    let one = "東京の市議会は新しい橋の建設を承認しました。工事は来年の春に始まる予定です。";
    let other = "新しい橋を建てることを東京市議会が認めた。春から着工する見通しで、完成時期は未定だ。";
    assert!(compare(one, other).is_err());
    assert_eq!(compare(one, one), Ok(Alike::SameWords));
}

/// Words that fill a template around its facts.
const FILL: [&str; 12] = [
    "river", "market", "the", "of", "old", "quietly", "workers", "repaired", "stone", "with", "harbour",
    "Every",
];
const NAMES: [&str; 6] = ["Orrin", "Weber", "McTavish", "Łódź", "iPhone", "ACME"];
const NEGATIONS: [&str; 6] = ["not", "never", "without", "nicht", "jamais", "sin"];

fn filling() -> impl Strategy<Value = String> {
    prop::collection::vec(select(&FILL[..]), 1..40).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn reading_is_reflexive_and_packs(text in "\\PC{0,300}") {
        let signature = Signature::of(None, &text);
        if signature.is_telling() {
            prop_assert_eq!(signature.compare(&signature), Ok(Alike::SameWords));
        }
        let mut packed = Vec::new();
        signature.pack(&mut packed);
        prop_assert!(packed.len() <= Signature::MOST_BYTES);
        prop_assert_eq!(Signature::unpack(&packed), Some(signature));
    }

    #[test]
    fn comparing_is_symmetric(one in "\\PC{0,200}", other in "\\PC{0,200}") {
        let (one, other) = (Signature::of(None, &one), Signature::of(None, &other));
        prop_assert_eq!(one.compare(&other), other.compare(&one));
    }

    #[test]
    fn garbage_is_no_signature_or_a_harmless_one(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(signature) = Signature::unpack(&bytes) {
            let _either = signature.compare(&Signature::of(None, "three words here"));
        }
    }

    #[test]
    fn another_number_is_always_caught(
        before in filling(), after in filling(), one in 0_u32..10_000_000, other in 0_u32..10_000_000,
    ) {
        prop_assume!(one != other);
        let text = |number: u32| format!("{before} {number} {after}");
        prop_assert!(compare(&text(one), &text(other)).is_err());
        let text = |number: u32| format!("{before} costs {}.{:02} {after}", number / 100, number % 100);
        prop_assert!(compare(&text(one), &text(other)).is_err());
    }

    #[test]
    fn another_date_is_always_caught(
        before in filling(), after in filling(),
        one in (1900_u32..2100, 0_usize..12, 1_u32..29), other in (1900_u32..2100, 0_usize..12, 1_u32..29),
        form in 0_u8..4,
    ) {
        const MONTHS: [&str; 12] = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November", "December",
        ];
        prop_assume!(one != other);
        let text = |(year, month, day): (u32, usize, u32)| {
            let date = match form {
                0 => format!("{year}-{:02}-{day:02}", month + 1),
                1 => format!("{day} {} {year}", MONTHS[month]),
                2 => format!("{} {day}, {year}", MONTHS[month]),
                _ => format!("{day:02}/{:02}/{year}", month + 1),
            };
            format!("{before} since {date} {after}")
        };
        prop_assert!(compare(&text(one), &text(other)).is_err());
    }

    #[test]
    fn another_name_is_always_caught(
        before in filling(), after in filling(), one in select(&NAMES[..]), other in select(&NAMES[..]),
    ) {
        prop_assume!(one != other);
        let text = |name: &str| format!("{before} {name} {after}");
        prop_assert!(compare(&text(one), &text(other)).is_err());
        let opening = |name: &str| format!("{name} {before} {after}");
        prop_assert!(compare(&opening(one), &opening(other)).is_err());
    }

    #[test]
    fn a_negation_more_is_always_caught(
        before in filling(), after in filling(), negation in select(&NEGATIONS[..]),
    ) {
        let (with, without) = (format!("{before} {negation} {after}"), format!("{before} {after}"));
        prop_assert!(compare(&with, &without).is_err());
    }
}
