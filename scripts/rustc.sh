#!/bin/sh
# What cargo starts instead of rustc to build the command line: with rustc's name first, and then its arguments.
#
# cargo tells crates apart by where they are, and rustc makes that a part of every name inside. The library is outside
# the command line's workspace, so that is its whole path, and each folder would give a program of other bytes. So these
# two get a fixed word for it. All others come from a registry.
case " $* " in
    *" --crate-name r2creds "*)
        case " $* " in *" --crate-type bin "*) kind=program ;; *) kind=library ;; esac
        for argument; do
            shift
            case $argument in
                metadata=*) argument=metadata=r2creds-$kind ;;
                cdylib | staticlib) argument=lib ;;
            esac
            set -- "$@" "$argument"
        done
        ;;
esac
exec "$@"
