#!/bin/bash
# On a trusted network the bytes of a connection that stayed at its host go directly, by plain TCP: from alpha to beta, on to gamma, and home,
# in mid-stream, with every byte compared: all of test_connection.sh.
WAY=--plain-tcp exec bash "$(dirname "$0")/test_connection.sh"
