/* States that a registry can never be in: VERIFY(words, SQL that gives what is in such a state, one text a row). */
/* clang-format off */
VERIFY("a process that has ended has an exit status",
	"SELECT name || ' (' || uuid || ')' FROM processes WHERE state = 8 AND exit_status < 0")
VERIFY("a process that is elsewhere, or has ended, has no pid here",
	"SELECT name || ' (' || uuid || ')' FROM processes WHERE state IN (5, 6, 7) AND pid <> 0")
VERIFY("a hand-over has ended when it is over, and not before",
	"SELECT id FROM handovers WHERE (state < 3) <> (ended = 0)")
VERIFY("the steps of a hand-over are counted without a gap",
	"SELECT handover FROM handover_steps GROUP BY handover HAVING max(sequence) <> count(*)")
VERIFY("a step is not older than its hand-over",
	"SELECT h.id || ' ' || s.step FROM handover_steps s JOIN handovers h ON h.id = s.handover WHERE s.sequence = 1 AND s.at < h.began")
VERIFY("a process that runs here is not barred in its own epoch",
	"SELECT p.name || ' (' || p.uuid || ')' FROM processes p JOIN owners o ON o.process = p.uuid WHERE p.state = 2 AND o.barred >= o.epoch AND o.epoch > 0")
VERIFY("a reference ends with its process",
	"SELECT p.name || ': ' || r.\"from\" FROM references_ r JOIN processes p ON p.uuid = r.process WHERE p.state = 8")
VERIFY("a policy belongs to a process that is here",
	"SELECT name FROM policies WHERE process <> '' AND process NOT IN (SELECT uuid FROM processes)")
VERIFY("nothing is moved that is shared",
	"SELECT handover || ' ' || resource FROM decisions WHERE strategy = 1 AND cell LIKE '%, shared' AND how & 4 = 0")
