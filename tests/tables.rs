//! Statuses, permissions and jurisdictions stand in one table each, in Rust. Their numbers and names in the C and C++
//! headers are the same; Python's and Go's are compared with the C header by their own tests. What the actions are is
//! prose there, which `tests/texts.rs` compares.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use r2creds::{Error, Jurisdiction, Permission, Status};

const HEADER: &str = include_str!("../include/r2creds.h");
const CPP_HEADER: &str = include_str!("../include/r2creds.hpp");

type Numbers = BTreeMap<String, i32>;

/// What the C header defines with this prefix.
fn in_c(prefix: &str) -> Numbers {
    let defines = HEADER.lines().filter_map(|line| line.strip_prefix("#define ")?.strip_prefix(prefix));
    defines.map(|define| define.split_once(' ').unwrap()).map(|(name, n)| (name.into(), n.parse().unwrap())).collect()
}

/// The enumerators of an `enum class` of the C++ header.
fn in_cpp(name: &str) -> Numbers {
    let (_, body) = CPP_HEADER.split_once(&format!("enum class {name} : std::int32_t {{")).unwrap();
    let lines = body.split_once("};").unwrap().0.lines();
    let enumerators = lines.map(|line| line.split("//").next().unwrap()).flat_map(|line| line.split(','));
    let pairs = enumerators.filter_map(|text| text.trim().split_once(" = "));
    pairs.map(|(name, number)| (name.to_uppercase(), number.parse().unwrap())).collect()
}

/// What the table has, with names as C spells them.
fn in_rust<T: Display>(all: impl IntoIterator<Item = T>, code: fn(T) -> i32) -> Numbers {
    let spelled = |value: &T| value.to_string().to_uppercase().replace('-', "_");
    all.into_iter().map(|value| (spelled(&value), code(value))).collect()
}

fn with(mut numbers: Numbers, name: &str, number: i32) -> Numbers {
    assert_eq!(numbers.insert(name.into(), number), None, "{name}");
    numbers
}

#[test]
fn statuses_are_the_same_in_c_and_cpp() {
    let statuses = with(in_rust(Status::ALL, Status::code), "OK", 0);
    assert_eq!(in_c("R2CREDS_STATUS_"), statuses);
    assert_eq!(in_cpp("Status"), statuses);
}

#[test]
fn permissions_are_the_same_in_c_and_cpp() {
    let permissions = in_rust(Permission::ALL, Permission::code);
    // An empty std::optional is C++'s UNSET.
    assert_eq!(in_cpp("Permission"), permissions);
    assert_eq!(in_c("R2CREDS_PERMISSION_"), with(permissions, "UNSET", 0));
}

#[test]
fn jurisdictions_are_the_same_in_c_and_cpp() {
    let jurisdictions = in_rust(Jurisdiction::ALL, Jurisdiction::code);
    assert_eq!(in_c("R2CREDS_JURISDICTION_"), jurisdictions);
    // An empty std::optional is C++'s DEFAULT.
    assert_eq!(with(in_cpp("Jurisdiction"), "DEFAULT", 0), jurisdictions);
}

/// Every variant is read from its number and its spelling; everything else is refused by an error that names the field
/// and what was expected, without the value.
fn is_read_back<T>(field: &str, all: &[T], code: fn(T) -> i32, as_str: fn(T) -> &'static str)
where
    T: Copy + Debug + PartialEq + Display + TryFrom<i32, Error = Error> + FromStr<Err = Error>,
{
    for value in all.iter().copied() {
        assert_eq!(value.to_string(), as_str(value));
        assert_eq!(T::try_from(code(value)), Ok(value));
        assert_eq!(T::from_str(as_str(value)), Ok(value));
    }
    let refused = |error: Error, expected: &str| {
        assert_eq!((error.status(), error.field()), (Status::InvalidArgument, Some(field)));
        assert!(error.message().contains(expected), "{error}: no {expected}");
        assert!(!["-77", "2147483647", "s3cr3t"].iter().any(|value| error.message().contains(value)), "{error}");
    };
    let (first, last) = (code(all[0]), code(all[all.len() - 1]));
    for unknown in [-77, i32::MAX] {
        refused(T::try_from(unknown).unwrap_err(), &format!("{}_*, {first} to {last}", field.to_uppercase()));
    }
    let spellings: Vec<_> = all.iter().copied().map(as_str).collect();
    for unknown in ["s3cr3t", "", " "] {
        refused(T::from_str(unknown).unwrap_err(), &spellings.join(", "));
    }
}

#[test]
fn numbers_and_spellings_are_read_back() {
    is_read_back("status", &Status::ALL, Status::code, Status::as_str);
    is_read_back("permission", &Permission::ALL, Permission::code, Permission::as_str);
    is_read_back("jurisdiction", &Jurisdiction::ALL, Jurisdiction::code, Jurisdiction::as_str);
}
