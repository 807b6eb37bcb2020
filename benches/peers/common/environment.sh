# shellcheck shell=bash
# Where the peers are, and which. Sourced, after `here` is set to the folder with the peers' folders.

: "${here:?is the folder with the folders of the peers}"

peers=${SHEAF_PEERS:-$HOME/.cache/sheaf-peers}

# One a line: the folders that measure something.
all_peers() {
    local script
    for script in "$here"/*/measure_*.py; do
        basename "$(dirname "$script")"
    done | sort -u
}

is_peer() {
    compgen -G "$here/$1/measure_*.py" >/dev/null
}

# A sum of what pins a peer's versions: with other pins, what is installed is another peer.
pins_of() {
    local pins=() name
    for name in requirements.txt package.json package-lock.json Cargo.toml Cargo.lock src/main.rs; do
        [ ! -f "$here/$1/$name" ] || pins+=("$here/$1/$name")
    done
    # A program of the system has none.
    [ ${#pins[@]} = 0 ] || cat "${pins[@]}" | sha256sum
}

is_installed() {
    [ -f "$peers/$1/installed" ] && [ "$(pins_of "$1")" = "$(cat "$peers/$1/installed")" ]
}
