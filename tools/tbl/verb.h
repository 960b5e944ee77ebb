/* Every verb of pmig: VERB(name, function, synopsis, words), in the order of the help. */
VERB("run", run, "[-d] [--name N] [--on HOST] [--] PROGRAM [ARGUMENT...]", "starts a program that can move")
VERB("ps", ps, "[--json] [-a]", "shows the programs that were started here")
VERB("move", move, "[--plan] [--timeout S] [--ssh ssh|libssh2] [--json] NAME [USER@]HOST[:PORT]|home", "takes a running program to another host")
VERB("wait", wait, "NAME", "waits until a program has ended, and ends with its exit status")
VERB("kill", kill, "[-SIGNAL] NAME", "sends a signal to a program, wherever it is")
VERB("faults", faults, "[--json]", "shows the points where a hand-over can be made to fail")
