#!/bin/bash
# The demo is a test: it ends with an error as soon as something is not as it says.
exec bash "$(dirname "$0")/demo.sh"
