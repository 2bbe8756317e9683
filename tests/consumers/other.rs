//! Another Rust library, for a program that has two.

use std::panic::{catch_unwind, set_hook, take_hook};

/// Panics, catches it, and gives 0 if that went well.
#[unsafe(no_mangle)]
pub extern "C" fn other_catches(value: i32) -> i32 {
    let _ = take_hook();
    set_hook(Box::new(|_| {}));
    let caught = catch_unwind(|| {
        let text = format!("{value}");
        assert!(text == "-1", "panics with {text}");
    });
    match caught {
        Err(payload) if payload.downcast_ref::<String>() == Some(&format!("panics with {value}")) => 0,
        _ => 1,
    }
}
