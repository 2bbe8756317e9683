//! Gives the shared library its name, and keeps it mapped: a name lookup that nobody waits for any more may still run.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The ABI's number, not the crate's.
    const ABI: u32 = 0;
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        // Its library keeps itself loaded once it has a thread (src/sys/unix.rs).
        Ok("macos") => println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libr2creds.{ABI}.dylib"),
        // Its DLL keeps itself loaded once it has a thread (src/sys/windows.rs).
        Ok("windows") => {}
        _ => println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libr2creds.so.{ABI},-z,nodelete"),
    }
}
