/* Every verb of pmig: VERB(name, function, synopsis, words), in the order of the help. */
VERB("run", run, "[-d] [--name N] [--policy FILE] [--kind FILE] [--every TIME] [--on HOST] [--] PROGRAM [ARGUMENT...]",
	"starts a program that can move, here or at another host")
VERB("ps", ps, "[--json] [-a]", "shows the programs that were started here")
VERB("move", move, "[--plan] [LIMIT...] [--timeout S] [--ssh ssh|libssh2] [--json] NAME [USER@]HOST[:PORT]|home",
	"takes a running program to another host")
VERB("plan", plan, "[LIMIT...] [--timeout S] [--ssh ssh|libssh2] [--json] NAME [USER@]HOST[:PORT]",
	"shows what a move would do with every resource, and does nothing")
VERB("evacuate", evacuate, "[--to [USER@]HOST[:PORT]] [--ssh ssh|libssh2] [--json] [USER@]HOST[:PORT]",
	"takes all programs away from a host, and tells what still needs it")
VERB("checkpoint", checkpoint, "[--stop] [--timeout S] [--json] NAME -o FILE",
	"saves a running program into a file, wherever it runs")
VERB("restart", restart, "[-d] [--name N] [--clone] [--rewind] [--kind FILE] NAME|FILE [[--] PROGRAM]",
	"continues an image that `pmig checkpoint` or `pmig run --every` made, on this host")
VERB("attach", attach, "NAME", "takes a running program to this terminal, wherever it is and whoever started it here")
VERB("recover", recover, "[--json] | NAME | --here --i-know-that-two-may-run NAME",
	"shows what is in doubt; finishes a hand-over that was left in the middle, and continues an image that waits")
VERB("logs", logs, "[-f] [--err] NAME", "shows the output of a program that was started with -d")
VERB("wait", wait, "NAME", "waits until a program has ended, and ends with its exit status")
VERB("kill", kill, "[-SIGNAL] NAME", "sends a signal to a program, wherever it is")
VERB("image", image, "show [--json] FILE", "shows what is in an image")
VERB("registry", registry, "[--json] [WHAT [ARGUMENT...]]",
	"shows what the registry of this host has, and why; without WHAT, what it can tell")
VERB("references", references, "[--json] [NAME]", "shows what must stay up where, and why")
VERB("doctor", doctor, "[--json] [[USER@]HOST[:PORT]]", "finds out what is missing here or there, before anything is tried")
VERB("faults", faults, "[--json]", "shows the points where a hand-over can be made to fail")
