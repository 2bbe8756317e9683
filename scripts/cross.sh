#!/bin/sh
# Runs a command that builds and tests for another platform: cross.sh TARGET COMMAND..., with Rust's name of the target.
#
# cargo gets a linker, a C compiler and something to run the target's programs with, for:
#   x86_64-unknown-linux-gnu  aarch64-unknown-linux-gnu    on glibc 2.17 and later
#   x86_64-unknown-linux-musl  aarch64-unknown-linux-musl
#   x86_64-pc-windows-gnu
#   i686-unknown-linux-gnu                                 for its layouts and the tests without a network
#   x86_64-apple-darwin  aarch64-apple-darwin              for `cargo check`
# OUT is then the target's own folder, and PLATFORM the one with its cc, c++, ar and, where one is needed, run. Where
# something is missing for it, a line says what, and the exit code is 3.
set -eu
target=$1
shift
tools=$OUT/tools
bin=$tools/bin-$target
export OUT="$OUT/$target" CARGO_BUILD_TARGET="$target" PLATFORM="$bin"
mkdir -p "$bin"

need() {
    scripts/tools.sh need "$@" || exit 3
}

# A program of ours in $bin, which is in no PATH: cargo still finds this machine's own cc.
wrapper() {
    cat >"$bin/$1"
    chmod +x "$bin/$1"
}

# Zig, which has every libc, from PyPI; and cargo-zigbuild, which knows which of rustc's and cc's options zig does not.
need_zig() {
    if [ ! -e "$tools/zig/bin/zig" ]; then
        need python3.9
        "${PYTHON:-python3}" -m venv "$tools/zig"
        "$tools/zig/bin/pip" --quiet --disable-pip-version-check install -r scripts/cross-requirements.txt
        # Itself, and not the Python that starts it: AWS-LC alone is 400 calls.
        ln -sf "$("$tools/zig/bin/python" -c 'import ziglang; print(ziglang.__path__[0])')/zig" "$tools/zig/bin/zig"
    fi
}

# Sets a variable that cargo or a build script wants with the target's name in it.
for_cargo() {
    name=$(echo "CARGO_TARGET_${target}_$1" | tr 'a-z-' 'A-Z_')
    export "$name=$2"
}
for_c() {
    name=$1_$(echo "$target" | tr - _)
    export "$name=$2"
}

# Rust's own library for the target: the installed one, or else built here by Debian's compiler, which comes with the
# sources. None of it is installed: it is unpacked beside other caches, and not below this folder, where cargo would
# name the sources differently from each of our workspaces and compile for the command line anew what the library has.
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
    rust=${XDG_CACHE_HOME:-$HOME/.cache}/r2creds/rust
    if [ ! -e "$rust/done" ]; then
        command -v apt-get >/dev/null || {
            echo "missing: Rust's library for $target (rustup target add $target)" >&2
            exit 3
        }
        mkdir -p "$rust/packages"
        (
            cd "$rust/packages"
            packages="rustc-web rust-web-src"
            # With the compiler's own libraries, whose names change with its version, and not with all else it asks for.
            for _ in 1 2 3; do
                # shellcheck disable=SC2086 # a list
                more=$(apt-cache depends $packages | sed -n 's/^ *Depends: \(lib\(std-rust\|LLVM\|llvm\).*\)/\1/p')
                # shellcheck disable=SC2086 # lists
                packages=$(printf '%s\n' $packages $more | sort -u)
            done
            # shellcheck disable=SC2086 # a list
            apt-get download -qq $packages 2>/dev/null
            for package in *.deb; do dpkg -x "$package" ..; done
        )
        rm -r "$rust/packages"
        touch "$rust/done"
    fi
    for program in rustc rustdoc; do
        wrapper $program <<END
#!/bin/sh
LD_LIBRARY_PATH=$rust/usr/lib/x86_64-linux-gnu:$rust/usr/lib exec $rust/usr/bin/$program "\$@"
END
    done
    export RUSTC="$bin/rustc" RUSTDOC="$bin/rustdoc" RUSTC_BOOTSTRAP=1 RUST_SOURCES="$rust/usr/lib/rustlib/src/rust"
    # Without backtraces, which neither the library nor the command line shows: they are a tenth of it.
    export CARGO_UNSTABLE_BUILD_STD=std,panic_abort,panic_unwind CARGO_UNSTABLE_BUILD_STD_FEATURES=panic-unwind
    case $target in
        # Zig brings what every program of it begins with; building the library does not make that.
        *-musl) export RUSTFLAGS="${RUSTFLAGS:-} -C link-self-contained=no" ;;
    esac
fi

case $target in
    *-linux-gnu | *-linux-musl | *-apple-darwin)
        architecture=${target%%-*}
        case $target in
            i686*) zig=x86-linux-gnu.2.17 ;;
            *-gnu) zig=$architecture-linux-gnu.2.17 ;;
            *-musl) zig=$architecture-linux-musl ;;
            *) zig=$architecture-macos.11.0 ;;
        esac
        need_zig
        # Where nothing is linked, as for macOS, C need not be compiled either: an object is an empty file.
        compile=
        # shellcheck disable=SC2016 # for the wrapper
        case $target in
            *-apple-darwin) compile='*" -c "*) while [ "$1" != -o ]; do shift; done; : >"$2"; exit ;;' ;;
        esac
        # Zig does not know -static-pie, and rustc does not ask for it on arm64, where it works as well. Without it a
        # static program is always at the same address. To compile, only the target's name and -march are new to it; for
        # the former alone, cargo-zigbuild would take five times as long as most files do. -O2, which a later one
        # replaces, is for zig's own libraries, which it builds once for each level. Without optimisation it would add a
        # sanitizer.
        for language in cc c++; do
            wrapper $language <<END
#!/bin/sh
case " \$* " in
    $compile
    *" -march="*) ;;
    *" -c "*)
        for option in "\$@"; do
            shift
            case \$option in --target=*) ;; *) set -- "\$@" "\$option" ;; esac
        done
        exec $tools/zig/bin/zig $language -g0 -O2 -fno-sanitize=undefined -target $zig "\$@"
        ;;
    *" -static-pie "* | *" -static -no-pie "*) set -- "\$@" -static -pie ;;
esac
export CARGO_ZIGBUILD_ZIG_PATH=$tools/zig/bin/zig
exec $tools/zig/bin/cargo-zigbuild zig $language -- -g0 -O2 -target $zig "\$@"
END
        done
        wrapper ar <<END
#!/bin/sh
exec $tools/zig/bin/zig ar "\$@"
END
        ;;
    x86_64-pc-windows-gnu)
        need x86_64-w64-mingw32-gcc-posix x86_64-w64-mingw32-g++-posix
        ln -sf "$(command -v x86_64-w64-mingw32-gcc-posix)" "$bin/cc"
        ln -sf "$(command -v x86_64-w64-mingw32-g++-posix)" "$bin/c++"
        ln -sf "$(command -v x86_64-w64-mingw32-ar)" "$bin/ar"
        binutils=x86_64-w64-mingw32-
        # Its import libraries are those of MSVC.
        need_zig
        wrapper dlltool <<END
#!/bin/sh
exec $tools/zig/bin/zig dlltool "\$@"
END
        if [ -n "${RUST_SOURCES:-}" ]; then
            # What every program of this target begins and ends with. Building the library does not make them.
            folder=$($RUSTC --print sysroot)/lib/rustlib/$target/lib
            mkdir -p "$folder"
            for object in rsbegin rsend; do
                [ -e "$folder/$object.o" ] || "$RUSTC" --target "$target" --emit=obj -Cpanic=abort \
                    -o "$folder/$object.o" "$RUST_SOURCES/library/rtstartup/$object.rs"
            done
        fi
        ;;
    *)
        echo "cross.sh: $target is not one of those it knows" >&2
        exit 2
        ;;
esac
# What runs the target's programs, where this machine does not.
case $target in
    i686-*) need /lib/ld-linux.so.2 ;; # This machine does, with a libc for it: Debian's libc6-i386.
    aarch64-unknown-linux-*)
        need qemu-aarch64
        # With Debian's own arm64 libc installed that one is used; beside it another loader's threads would hang.
        prefix=$([ -e /lib/ld-linux-aarch64.so.1 ] || echo "-L /usr/aarch64-linux-gnu")
        wrapper run <<END
#!/bin/sh
exec qemu-aarch64 $prefix "\$@"
END
        ;;
    x86_64-pc-windows-gnu)
        wine=$(command -v /usr/lib/wine/wine64 wine64 wine | head -1)
        [ -n "$wine" ] || need wine64
        # Where the compiler's own libraries are, which programs made with it want.
        path=
        for library in libstdc++-6 libwinpthread-1; do
            path="$path;Z:$(dirname "$("$bin/c++" -print-file-name=$library.dll)")"
        done
        wrapper run <<END
#!/bin/sh
export HOME=$tools WINEPREFIX=$tools/wine WINEDEBUG=-all WINEPATH='${path#;}'
exec $wine "\$@"
END
        if [ ! -e "$tools/wine/done" ]; then
            "$bin/run" cmd /c exit >"$tools/wine.log" 2>&1
            "$bin/cc" -shared -O2 -o "$tools/wine/drive_c/windows/system32/bcryptprimitives.dll" \
                tests/wine/bcryptprimitives.c -ladvapi32
            touch "$tools/wine/done"
        fi
        ;;
esac
[ ! -e "$bin/run" ] || for_cargo RUNNER "$bin/run"

case $target in
    aarch64-unknown-linux-*) binutils=aarch64-linux-gnu- ;;
esac
# For build.sh, which does to an archive what zig's tools cannot.
if [ -n "${binutils:-}" ]; then
    need "${binutils}ld" "${binutils}objcopy"
    export LD="${binutils}ld" OBJCOPY="${binutils}objcopy" STRIP="${binutils}strip" AR="${binutils}ar"
fi
for_cargo LINKER "$bin/cc"
for_c CC "$bin/cc"
for_c CXX "$bin/c++"
for_c AR "$bin/ar"

exec "$@"
