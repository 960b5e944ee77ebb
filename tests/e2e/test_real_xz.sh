#!/bin/bash
# xz from Debian's source package, built with CC=pmig-cc: real.sh tells what is asked of it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=real.sh
. "$(dirname "$0")/real.sh"
real xz build every random moved # its own tests take a minute: tests/real.sh has them
