//! One hostile input and how its record is to end.

/// A status and, unless it is `ok`, the kind of the error.
pub(crate) type Ending = (&'static str, &'static str);

pub(crate) const OK: &[Ending] = &[("ok", "")];

/// An input by the source under which its record stands.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) source: String,
    /// The endings that are right; nearly always one.
    pub(crate) endings: &'static [Ending],
    /// Text that the record's error or remarks must say, so that a person understands.
    pub(crate) says: &'static str,
}

/// A case with one ending.
macro_rules! ends {
    (ok) => {
        $crate::case::OK
    };
    ($status:ident $kind:ident) => {
        &[(stringify!($status), stringify!($kind))]
    };
}
pub(crate) use ends;
