/* What `pmig registry` shows: QUERY(name, about, SQL). Names of columns are the headings; one that ends in ":json" holds JSON, and
 * like one that ends in ":wide" it is left out of a table on a terminal. The parameter :process is the uuid or name of one process, or
 * NULL; :resource a name, slot, locator, or the last part of a path. */
/* clang-format off */
#define QUERY_TIME(column) "iif(" column " = 0, '', strftime('%Y-%m-%dT%H:%M:%SZ', " column " / 1000000000, 'unixepoch'))"
#define QUERY_STRATEGY "CASE strategy WHEN 1 THEN 'move' WHEN 2 THEN 'copy' WHEN 3 THEN 'reference' WHEN 4 THEN 'rebind'" \
	" WHEN 5 THEN 'refuse' ELSE '' END"
#define QUERY_NAME(uuid) "coalesce((SELECT name FROM processes WHERE uuid = " uuid "), " uuid ")"
#define QUERY_OF(uuid) "(:process IS NULL OR " uuid " = :process OR " uuid " IN (SELECT uuid FROM processes WHERE name = :process))"
/* whether the hand-over h has one of these steps begun and not done */
#define QUERY_DUE(steps) \
	"EXISTS (SELECT 1 FROM handover_steps s WHERE s.handover = h.id AND s.step IN (" steps ") AND s.phase = 1" \
	" AND NOT EXISTS (SELECT 1 FROM handover_steps d WHERE d.handover = h.id AND d.step = s.step AND d.phase = 2))"

QUERY(processes, "programs that were started here or came here",
	"SELECT name, CASE state WHEN 1 THEN 'starting' WHEN 2 THEN 'running' WHEN 3 THEN 'frozen' WHEN 4 THEN 'in doubt'"
	" WHEN 5 THEN 'stored' WHEN 6 THEN 'away' WHEN 7 THEN 'left' WHEN 8 THEN 'ended' END AS state,"
	" CASE WHEN exit_status < 0 THEN NULL ELSE exit_status END AS exit, epoch, home,"
	" (SELECT host FROM owners WHERE process = uuid) AS owner, iif(pid = 0, NULL, pid) AS pid,"
	" " QUERY_TIME("started") " AS started, program AS \"program:wide\", argv AS \"argv:json\", build AS \"build:wide\", uuid AS \"uuid:wide\""
	" FROM processes WHERE " QUERY_OF("uuid") " ORDER BY processes.started, uuid")

QUERY(resources, "what processes use, and what it means to them",
	"SELECT " QUERY_NAME("process") " AS process, slot AS \"slot:wide\", name, kind,"
	" CASE binding WHEN 1 THEN 'identifier' WHEN 2 THEN 'value' WHEN 3 THEN 'type' END AS binding,"
	" CASE attachment WHEN 1 THEN 'unattached' WHEN 2 THEN 'fastened' WHEN 3 THEN 'fixed' END AS attachment,"
	" type AS \"type:wide\", " QUERY_STRATEGY " AS \"demanded:wide\", iif(shared, 'shared', '') AS shared, iif(secret, 'secret', '') AS \"secret:wide\","
	" iif(size = 0, NULL, size) AS \"size:wide\", iif(rate = 0, NULL, rate) AS \"rate:wide\","
	" CASE origin WHEN 1 THEN 'run time' WHEN 2 THEN 'file scope' WHEN 3 THEN 'policy' WHEN 4 THEN 'undeclared' END AS declared,"
	" locator, opened AS \"opened:wide\" FROM resources WHERE " QUERY_OF("process") " ORDER BY process, slot")

QUERY(hosts, "machines that were seen, and the way to them",
	"SELECT name, address, arch, " QUERY_TIME("seen") " AS seen, iif(bandwidth = 0, NULL, bandwidth) AS bytes_per_second,"
	" iif(rtt = 0, NULL, rtt) AS rtt_ns, machine AS \"machine:wide\" FROM hosts ORDER BY name")

QUERY(handovers, "moves, and how they ended",
	"SELECT " QUERY_NAME("process") " AS process, source, target, epoch, CASE state WHEN 1 THEN 'open' WHEN 2 THEN 'in doubt'"
	" WHEN 3 THEN 'done' WHEN 4 THEN 'undone' WHEN 5 THEN 'ended' WHEN 6 THEN 'waits' END AS state,"
	" " QUERY_TIME("began") " AS began, iif(ended = 0, NULL, (ended - began) / 1000000) AS took_ms, reason, id AS \"id:wide\""
	" FROM handovers WHERE " QUERY_OF("process") " ORDER BY handovers.began, id")

QUERY(doubts, "hand-overs that nobody knows the outcome of, copies that were given up and not fenced yet, images left behind",
	"SELECT " QUERY_NAME("h.process") " AS process, source, target, epoch, CASE WHEN state = 1 THEN 'open' WHEN state = 2 THEN 'image waits'"
	" WHEN " QUERY_DUE("'fence'") " THEN 'given up' ELSE 'left behind' END AS state, " QUERY_TIME("began") " AS since, reason,"
	" (SELECT path FROM images i WHERE i.process = h.process AND i.epoch <= h.epoch ORDER BY i.epoch DESC LIMIT 1) AS \"image:wide\","
	" id AS \"id:wide\", h.process AS \"uuid:wide\" FROM handovers h WHERE " QUERY_OF("h.process") " AND (state < 3 OR"
	" " QUERY_DUE("'fence', 'forget'") ")"
	" ORDER BY h.began, id")

QUERY(steps, "each step of each move, as the journal has it",
	"SELECT " QUERY_NAME("h.process") " AS process, h.target AS target, s.sequence AS n, s.step AS step,"
	" CASE s.phase WHEN 1 THEN 'begin' WHEN 2 THEN 'done' WHEN 3 THEN 'undone' WHEN 4 THEN 'failed' END AS phase,"
	" (s.at - h.began) / 1000 AS after_us, s.detail AS detail, h.id AS \"handover:wide\""
	" FROM handover_steps s JOIN handovers h ON h.id = s.handover WHERE " QUERY_OF("h.process")
	" ORDER BY h.began, h.id, s.sequence")

QUERY(decisions, "what the planner chose for each resource, and why",
	"SELECT " QUERY_NAME("h.process") " AS process, h.target AS target, d.slot AS \"slot:wide\", d.resource AS resource, d.cell AS cell,"
	" " QUERY_STRATEGY " AS strategy, iif(d.how & 1, 'kept', iif(d.how & 2, 'dropped', iif(d.how & 4, 'part', ''))) AS \"how:wide\", d.there AS \"there:wide\","
	" CASE d.done WHEN 1 THEN 'move' WHEN 2 THEN 'copy' WHEN 3 THEN 'reference' WHEN 4 THEN 'rebind' ELSE '' END AS done,"
	" iif(d.done_how & 1, 'kept', iif(d.done_how & 2, 'dropped', '')) AS \"done_how:wide\", d.reason AS reason, d.alternatives AS \"alternatives:json\", h.id AS \"handover:wide\""
	" FROM decisions d JOIN handovers h ON h.id = d.handover WHERE " QUERY_OF("h.process") " ORDER BY h.began, h.id, d.slot")

QUERY(references, "what must stay up where, and why",
	"SELECT " QUERY_NAME("process") " AS process, kind, \"from\", \"to\", why, " QUERY_TIME("lease") " AS lease, traffic, hops AS \"hops:wide\", slot AS \"slot:wide\""
	" FROM references_ WHERE " QUERY_OF("process") " ORDER BY process, slot, kind, \"from\"")

QUERY(providers, "what hosts have for those who need any of a type",
	"SELECT host, type, locator, about FROM providers ORDER BY host, type, locator")

QUERY(images, "images that are kept on this host",
	"SELECT " QUERY_NAME("process") " AS process, epoch, size, iif(complete, 'complete', 'partial') AS state,"
	" " QUERY_TIME("made") " AS made, hash AS \"hash:wide\", path FROM images WHERE " QUERY_OF("process") " ORDER BY process, epoch, images.made")

QUERY(owners, "who may run a process, as this host knows it",
	"SELECT " QUERY_NAME("process") " AS process, epoch, host, barred FROM owners WHERE " QUERY_OF("process") " ORDER BY process")

QUERY(policies, "what resources mean, by policy: for one process, or for all that are started here",
	"SELECT iif(process = '', '', " QUERY_NAME("process") ") AS process, name, " QUERY_TIME("added") " AS added, length(text) AS bytes"
	" FROM policies WHERE process = '' OR " QUERY_OF("process") " ORDER BY process = '', process, added, name")

QUERY(why, "the last decision about each resource, with what it beat",
	"SELECT " QUERY_NAME("h.process") " AS process, d.slot AS \"slot:wide\", d.resource AS resource, d.cell AS cell, " QUERY_STRATEGY " AS strategy,"
	" d.reason AS reason, d.alternatives AS \"alternatives:json\","
	" CASE d.done WHEN 1 THEN 'move' WHEN 2 THEN 'copy' WHEN 3 THEN 'reference' WHEN 4 THEN 'rebind' ELSE '' END AS done, h.source AS source, h.target AS target,"
	" " QUERY_TIME("h.began") " AS began, h.id AS \"handover:wide\" FROM decisions d JOIN handovers h ON h.id = d.handover"
	" WHERE " QUERY_OF("h.process") " AND (:resource IS NULL OR d.resource = :resource OR CAST(d.slot AS TEXT) = :resource"
	" OR substr(d.resource, -1 - length(:resource)) = '/' || :resource OR d.slot IN"
	" (SELECT slot FROM resources r WHERE r.process = h.process AND (r.locator = :resource OR r.name = :resource)))"
	" AND NOT EXISTS (SELECT 1 FROM decisions e JOIN handovers g ON g.id = e.handover WHERE g.process = h.process AND e.slot = d.slot"
	" AND e.resource = d.resource AND g.began > h.began) ORDER BY h.process, d.slot")

#undef QUERY_TIME
#undef QUERY_STRATEGY
#undef QUERY_NAME
#undef QUERY_OF
