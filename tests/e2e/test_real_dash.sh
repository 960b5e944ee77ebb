#!/bin/bash
# dash from Debian's source package, built with CC=pmig-cc: real.sh tells what is asked of it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=real.sh
. "$(dirname "$0")/real.sh"
real dash
