//! An enum of the C ABI, with the number and the spelling of each variant in one table.

/// Declares the enum and what follows from its table: `ALL`, `code` and `TryFrom<i32>` for the numbers, `as_str`,
/// `Display` and `FromStr` for the spellings. The literal behind the enum's name is the field that its errors name.
/// `tests/tables.rs` compares the tables with the constants of the C header.
macro_rules! table {
    (
        $(#[$about:meta])*
        pub enum $name:ident: $field:literal {
            $($(#[$doc:meta])* $variant:ident = $code:literal => $spelling:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum $name {
            $($(#[$doc])* $variant = $code,)+
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: [Self; [$($code),+].len()] = [$(Self::$variant),+];

            /// The number of the C ABI.
            pub const fn code(self) -> i32 {
                self as i32
            }

            /// The spelling, which is the same in every language.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $spelling,)+
                }
            }

            /// The spelling with a NUL behind it, for C to borrow.
            #[allow(dead_code)] // C asks for the spellings of statuses only
            pub(crate) const fn as_c_str(self) -> &'static std::ffi::CStr {
                let bytes = match self {
                    $(Self::$variant => concat!($spelling, "\0").as_bytes(),)+
                };
                match std::ffi::CStr::from_bytes_with_nul(bytes) {
                    Ok(text) => text,
                    Err(_) => c"",
                }
            }

            /// Every spelling, for an error that says what was expected.
            pub(crate) fn spellings() -> String {
                Self::ALL.map(Self::as_str).join(", ")
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl TryFrom<i32> for $name {
            type Error = Error;

            fn try_from(code: i32) -> Result<Self, Self::Error> {
                Self::ALL.into_iter().find(|known| known.code() == code).ok_or_else(|| {
                    let [first, .., last] = Self::ALL.map(Self::code);
                    let name = $field.to_uppercase();
                    let problem = format!("an unknown number, expected an R2CREDS_{name}_*, {first} to {last}");
                    Error::argument($field, problem)
                })
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| {
                    let problem = if text.is_empty() { "empty" } else { "unknown" };
                    let expected = Self::spellings();
                    Error::argument($field, format_args!("{problem}, expected one of {expected}"))
                })
            }
        }
    };
}

pub(crate) use table;
