//! Tells the linker that the shared library stays mapped once it was loaded.

fn main() {
    // Threads of the simulation outlive a session: a client that closes the library must not pull the code from under them.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
