#!/bin/sh
# Makes $PLATFORM/python, a Python for another platform, from within scripts/cross.sh. It is python-build-standalone's,
# from a Go module that carries it for Windows and for arm64's glibc. There is none for musl.
set -eu
module=github.com/kluctl/go-embed-python@v0.0.0-3.11.11-20241219-1
sum=h1:yVXFTxa6cvhLC6TwkDEHmNaiWlDyaFEGiXd1DQdoeOU=
case $CARGO_BUILD_TARGET in
    aarch64-unknown-linux-gnu) name=linux-arm64 program=bin/python3.11 ;;
    x86_64-pc-windows-gnu) name=windows-amd64 program=python.exe ;;
    *)
        echo "missing: a Python for $CARGO_BUILD_TARGET" >&2
        exit 3
        ;;
esac
tree=${PLATFORM%/*}/python-$name
if [ ! -e "$PLATFORM/python" ]; then
    scripts/tools.sh need go || exit 3
    told=$(cd / && "${GO:-go}" mod download -json "$module")
    case $told in *"\"Sum\": \"$sum\""*) ;; *)
        echo "cross-python.sh: $module is not what it was: $told" >&2
        exit 1
        ;;
    esac
    rm -rf "$tree"
    cp -R "$(echo "$told" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/python/internal/data/$name" "$tree"
    chmod -R u+w "$tree"
    # Each file that is not text is packed by itself.
    find "$tree" -name '*.gz' -exec gzip -d {} +
    chmod +x "$tree/$program"
    # It is beside the program, which qemu gives its name, so that Python takes it for itself and starts it again.
    python=$tree/$(dirname "$program")/python
    cat >"$python" <<END
#!/bin/sh
export QEMU_ARGV0=$python
exec $PLATFORM/run $tree/$program "\$@"
END
    chmod +x "$python"
    ln -sf "$python" "$PLATFORM/python"
fi
