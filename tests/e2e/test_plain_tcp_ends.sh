#!/bin/bash
# Connections whose bytes go directly, by plain TCP, end as others do, and what is besides their bytes is the same: all of
# test_connection_ends.sh.
WAY=--plain-tcp exec bash "$(dirname "$0")/test_connection_ends.sh"
