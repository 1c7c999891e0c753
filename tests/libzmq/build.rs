//! Builds libzmq 4.3.5 with CURVE from what two crates carry: `zeromq-src` its source, `libsodium-sys-stable`
//! the libsodium that CURVE stands on. Nothing of either is taken from the system.

use std::path::{Path, PathBuf};
use std::{env, fs};

use zeromq_src::{Build, LibLocation};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=platform.hpp");
    let sodium_lib = of_libsodium("DEP_SODIUM_LIB");
    let sodium_include = of_libsodium("DEP_SODIUM_INCLUDE");

    // The directory with `sodium.h` is searched before the one where zeromq-src puts an empty `platform.hpp`.
    // So the two headers share one: ours, and one that leads to the true `sodium.h`.
    let headers = Path::new(&variable("OUT_DIR")).join("headers");
    fs::create_dir_all(&headers).expect("OUT_DIR is ours to write to");
    fs::copy("platform.hpp", headers.join("platform.hpp")).expect("platform.hpp lies beside build.rs");
    let sodium_h = format!("#include \"{}\"\n", sodium_include.join("sodium.h").display());
    fs::write(headers.join("sodium.h"), sodium_h).expect("OUT_DIR is ours to write to");

    // Names the archives to rustc as well, which copies them into our rlib: whoever depends on us links.
    Build::new().with_libsodium(Some(LibLocation::new(sodium_lib, headers))).build();

    // The `cc` crate turns this into -O0 to -O3. Lets a benchmark say what it ran against.
    println!("cargo:rustc-env=LIBZMQ_OPT_LEVEL={}", variable("OPT_LEVEL"));
}

fn of_libsodium(name: &str) -> PathBuf {
    let dir = env::var_os(name).unwrap_or_else(|| {
        panic!("no {name}: unset SODIUM_LIB_DIR and SODIUM_USE_PKG_CONFIG, so that libsodium is built from source")
    });
    PathBuf::from(dir)
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"))
}
