#!/bin/bash
# What goes wrong in a hand-over by which bytes of connections go directly, by plain TCP, changes nothing for their peers: all of
# test_connection_fault.sh.
WAY=--plain-tcp exec bash "$(dirname "$0")/test_connection_fault.sh"
