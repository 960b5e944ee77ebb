/* What an agent does on request: AGENT_REQUEST(name, function, words). "Later": the answer comes when it is done. */
AGENT_REQUEST("hello", hello,
	"who asks: `seen`, the highest epoch known to the supervisor, and `host`, what this host is called")
AGENT_REQUEST("start", start, "starts the program: path, argv, environment, directory, umask, terminal, window, modes")
AGENT_REQUEST("attach", attach, "sends output from the offsets `out` and `err` on")
AGENT_REQUEST("signal", signal, "sends the signal `number` to the program")
AGENT_REQUEST("window", window, "the terminal's size is now `rows` times `columns`")
AGENT_REQUEST("resources", resources,
	"what the program uses, declared or found, as the registry's rows, with what is known of each; a page, `from` on")
AGENT_REQUEST("addresses", addresses,
	"where the program can be found at this host: sockets of its own that listen or take datagrams")
AGENT_REQUEST("facts", facts, "what this host is and has: architecture, space, and what lies at the paths of `files`")
AGENT_REQUEST("hashes", hashes, "the hashes of `paths`, or of descriptors of the program")
AGENT_REQUEST("mark", mark,
	"beside each of `paths` a hidden file with a nonce, until `unmark`: who else sees it shares the file system")
AGENT_REQUEST("unmark", unmark, "they go")
AGENT_REQUEST("checkpoint", checkpoint, "writes an image and lets the program go on; later")
AGENT_REQUEST("drop", drop, "the image of the last checkpoint, which was fetched, goes")
AGENT_REQUEST("decisions", decisions,
	"what was decided for its resources, from the `from`-th on: for the freeze that follows")
AGENT_REQUEST("freeze", freeze, "stops the program at a safe point, its image in a file; later")
AGENT_REQUEST("cancel", cancel, "withdraws checkpoint or freeze")
AGENT_REQUEST("fetch", fetch, "sends the file `file`, or what the program has open as `fd`, as a bulk stream `stream`")
AGENT_REQUEST("receive", receive,
	"the `path` of the file `name` with content `hash` in the cache; if it is not there, `stream` may bring it")
AGENT_REQUEST("libraries", libraries, "which libraries the program `path` needs and this host has not")
AGENT_REQUEST("restore", restore,
	"starts the program from an image, up to the first instruction; `at_home`: the rows are here; later")
AGENT_REQUEST("unrestore", unrestore, "ends a restored program that was not claimed; later")
AGENT_REQUEST("promise", promise, "journal: `epoch` belongs to `host`")
AGENT_REQUEST("claim", claim, "journal: `epoch` belongs to this host")
AGENT_REQUEST("bar", bar, "owned or barred: whether `epoch` has begun here, and if not, it never will")
AGENT_REQUEST("fence", fence,
	"`host` has the program, for `epoch`: what came of `handover` here is ended, and never begins again; asked until it is `fenced`")
AGENT_REQUEST("activate", activate, "lets a claimed program run; later, where it must be restored once more")
AGENT_REQUEST("go-on", go_on,
	"lets a frozen program run on; after a promise only when the other host has `barred` the epoch")
AGENT_REQUEST("release", release,
	"ends a frozen program that runs elsewhere, or waits in an image, which `keep`s what it uses in place; later")
AGENT_REQUEST("held", held, "of each of `references`: how large it is, and who else here has it")
AGENT_REQUEST("open", open, "`channel` to what is held here as `reference`")
AGENT_REQUEST("opened", opened, "`channel` leads to the other host now, or, with `code` and `reason`, it does not")
AGENT_REQUEST("resume", resume, "the way of `channel` is new: both ends say what they have")
AGENT_REQUEST("over", over, "the other end of `channel` is gone: `code`, `reason`")
AGENT_REQUEST("quiet", quiet,
	"for a moment nothing is read from held connections: the program is about to come back to them")
AGENT_REQUEST("plain-listen", plain_listen,
	"a TCP port for a moment, and a token for each of `references`, whose bytes may come directly for `epoch`")
AGENT_REQUEST("plain-open", plain_open, "connections to `port` at `address`, one for each of `ways`, with its token")
AGENT_REQUEST("plain-begin", plain_begin, "the program runs there: the ways of `epoch` carry bytes")
AGENT_REQUEST("plain-drain", plain_drain,
	"the program is frozen: the way of `reference` ends, and is `channel` from then on")
AGENT_REQUEST("plain-stop", plain_stop, "the holder of what becomes `channel` has stopped, or cannot: `failure`, `reason`")
AGENT_REQUEST("plain-drained", plain_drained, "the holder has all that came by what becomes `channel`, and an end of it")
AGENT_REQUEST("tell", tell, "`note`, an option, is for what is held here as `reference`: a socket that listens")
AGENT_REQUEST("told", told, "it is there, or there is no such thing any more")
AGENT_REQUEST("let-go", let_go, "what is held as one of `references`")
AGENT_REQUEST("settle", settle, "the hand-over is over for good: the image of an activated program goes")
AGENT_REQUEST("forget", forget, "gives up what was received for `epoch`")
AGENT_REQUEST("die", die, "SIGKILL to the agent: what a fault point of the supervisor asks for")
AGENT_REQUEST("end", end,
	"everything was acknowledged: the agent ends, unless it `stays` for what it holds; with `all` that is let go")
