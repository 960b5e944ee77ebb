-- A registry of version 1, as pmig 0.1 made it: every table with a row. Newer ones must take it over.
PRAGMA application_id = 1886218599;
PRAGMA user_version = 1;
CREATE TABLE processes (
	uuid TEXT NOT NULL PRIMARY KEY CHECK (length(uuid) = 36),
	name TEXT NOT NULL CHECK (name <> ''),
	program TEXT NOT NULL,
	build TEXT NOT NULL,
	argv TEXT NOT NULL,
	home TEXT NOT NULL,
	epoch INTEGER NOT NULL CHECK (epoch >= 0),
	state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 8),
	pid INTEGER NOT NULL CHECK (pid >= 0),
	started INTEGER NOT NULL,
	exit_status INTEGER NOT NULL CHECK (exit_status >= -1)) STRICT;
CREATE UNIQUE INDEX living_names ON processes (name) WHERE state < 7;
CREATE TABLE resources (
	process TEXT NOT NULL REFERENCES processes ON DELETE CASCADE,
	slot INTEGER NOT NULL,
	name TEXT NOT NULL,
	kind TEXT NOT NULL,
	locator TEXT NOT NULL,
	binding INTEGER NOT NULL CHECK (binding BETWEEN 1 AND 3),
	attachment INTEGER NOT NULL CHECK (attachment BETWEEN 1 AND 3),
	type TEXT NOT NULL,
	strategy INTEGER NOT NULL CHECK (strategy BETWEEN 0 AND 5),
	consent INTEGER NOT NULL CHECK (consent BETWEEN 0 AND 7),
	shared INTEGER NOT NULL CHECK (shared IN (0, 1)),
	secret INTEGER NOT NULL CHECK (secret IN (0, 1)),
	rate INTEGER NOT NULL CHECK (rate >= 0),
	size INTEGER NOT NULL CHECK (size >= 0),
	origin INTEGER NOT NULL CHECK (origin BETWEEN 1 AND 4),
	opened TEXT NOT NULL,
	PRIMARY KEY (process, slot)) STRICT, WITHOUT ROWID;
CREATE TABLE hosts (
	name TEXT NOT NULL PRIMARY KEY,
	machine TEXT NOT NULL,
	address TEXT NOT NULL,
	arch TEXT NOT NULL,
	seen INTEGER NOT NULL,
	bandwidth INTEGER NOT NULL CHECK (bandwidth >= 0),
	rtt INTEGER NOT NULL CHECK (rtt >= 0)) STRICT;
CREATE TABLE providers (
	host TEXT NOT NULL REFERENCES hosts ON DELETE CASCADE,
	type TEXT NOT NULL,
	locator TEXT NOT NULL,
	about TEXT NOT NULL,
	PRIMARY KEY (host, type, locator)) STRICT, WITHOUT ROWID;
CREATE TABLE handovers (
	id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
	process TEXT NOT NULL CHECK (length(process) = 36),
	epoch INTEGER NOT NULL CHECK (epoch >= 0),
	source TEXT NOT NULL,
	target TEXT NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 6),
	began INTEGER NOT NULL,
	ended INTEGER NOT NULL,
	reason TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX handovers_under_way ON handovers (process) WHERE state < 3;
CREATE INDEX handovers_of ON handovers (process, began);
CREATE TABLE handover_steps (
	handover TEXT NOT NULL REFERENCES handovers ON DELETE CASCADE,
	sequence INTEGER NOT NULL CHECK (sequence > 0),
	step TEXT NOT NULL,
	phase INTEGER NOT NULL CHECK (phase BETWEEN 1 AND 4),
	at INTEGER NOT NULL,
	detail TEXT NOT NULL,
	PRIMARY KEY (handover, sequence)) STRICT, WITHOUT ROWID;
CREATE TABLE decisions (
	handover TEXT NOT NULL REFERENCES handovers ON DELETE CASCADE,
	slot INTEGER NOT NULL,
	resource TEXT NOT NULL,
	cell TEXT NOT NULL,
	strategy INTEGER NOT NULL CHECK (strategy BETWEEN 1 AND 5),
	reason TEXT NOT NULL,
	alternatives TEXT NOT NULL,
	PRIMARY KEY (handover, slot)) STRICT, WITHOUT ROWID;
CREATE TABLE owners (
	process TEXT NOT NULL PRIMARY KEY CHECK (length(process) = 36),
	epoch INTEGER NOT NULL CHECK (epoch >= 0),
	host TEXT NOT NULL,
	barred INTEGER NOT NULL CHECK (barred >= 0)) STRICT, WITHOUT ROWID;
CREATE TABLE references_ (
	process TEXT NOT NULL REFERENCES processes ON DELETE CASCADE,
	slot INTEGER NOT NULL,
	kind TEXT NOT NULL,
	"from" TEXT NOT NULL,
	"to" TEXT NOT NULL,
	why TEXT NOT NULL,
	lease INTEGER NOT NULL CHECK (lease >= 0),
	traffic INTEGER NOT NULL CHECK (traffic >= 0),
	hops INTEGER NOT NULL CHECK (hops >= 0),
	PRIMARY KEY (process, kind, "from")) STRICT, WITHOUT ROWID;
CREATE TABLE images (
	path TEXT NOT NULL PRIMARY KEY,
	process TEXT NOT NULL CHECK (length(process) = 36),
	epoch INTEGER NOT NULL CHECK (epoch >= 0),
	size INTEGER NOT NULL CHECK (size >= 0),
	hash TEXT NOT NULL,
	complete INTEGER NOT NULL CHECK (complete IN (0, 1)),
	made INTEGER NOT NULL) STRICT;
CREATE INDEX images_of ON images (process, epoch);
INSERT INTO processes VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'queens', '/usr/local/bin/queens', 'c0ffee', '["queens", "12"]', 'alpha', 1, 2, 4711, 1000, -1);
INSERT INTO resources VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 1, 'data', 'file', '/home/mig/data', 2, 1, '', 0, 1, 0, 0, 0, 4096, 1, '');
INSERT INTO hosts VALUES ('beta', '', '', '', 0, 0, 0);
INSERT INTO providers VALUES ('beta', 'printer', 'lp0', '');
INSERT INTO handovers VALUES ('11111111-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000001', 2, 'alpha', 'beta', 3, 5, 6, '');
INSERT INTO handover_steps VALUES ('11111111-0000-4000-8000-000000000001', 1, 'plan', 2, 5, '');
INSERT INTO decisions VALUES ('11111111-0000-4000-8000-000000000001', 1, 'data', 'by value, unattached', 2, 'only its content counts', '[]');
INSERT INTO owners VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 2, 'beta', 0);
INSERT INTO references_ VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 1, 'forwarder', 'a', '', '', 0, 0, 0);
INSERT INTO images VALUES ('/i', 'aaaaaaaa-0000-4000-8000-000000000001', 1, 0, '', 1, 7);
