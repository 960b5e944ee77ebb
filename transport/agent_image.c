/* agent_image: requests about checkpoints and frozen programs at the source: checkpoint, freeze, cancel, go-on, promise, release. */
#include "agent_connection.h"
#include "agent_parts.h"
#include "runtime/base/hex.h"
#include "runtime/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define AGAIN_MS 50 /* until a program that could not stop where it was is asked once more */
/* It has never come to one. */
#define BUILD_AUTO "; pmig-cc --safepoints=auto puts safe points wherever they are needed"
#define WHERE_MS 1000 /* for the program to say where it is */

static void carry_out(void *context, const struct fault *f)
{
	struct agent *a = context;
	switch (f->action) {
	case FAULT_KILL_PROGRAM:
		agent_program_kill(a, SIGKILL);
		break;
	case FAULT_KILL_AGENT:
		(void)raise(SIGKILL);
		break;
	case FAULT_KILL_SUPERVISOR:
		agent_event(a, json_pack("{s:s, s:s}", "event", "fault", "kill", "supervisor"));
		break;
	case FAULT_CUT:
		if (a->driver != NULL)
			(void)shutdown(peer_descriptor(a->driver), SHUT_RDWR);
		break;
	default:
		break;
	}
}

void agent_fault_setup(struct agent *a, const char *spec)
{
	fault_setup(spec);
	fault_carry_out(*spec != '\0' ? carry_out : NULL, a, "faults");
}

int agent_do_die(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)a, (void)request, (void)ret_answer;
	return raise(SIGKILL);
}

int agent_journal(struct agent *a, const char *step, enum pmig_phase phase, const char *detail)
{
	if (a->handover[0] == '\0')
		return 0;
	return a->store->handover_step(a->store, a->handover, step, phase, detail);
}

bool agent_handover_is(const struct agent *a, const json_t *request)
{
	return strcmp(a->handover, agent_text(request, "handover")) == 0;
}

/* Ends the journal's record of the hand-over under way. At home one that was done stays open: other ends have something to do yet, and whoever
 * takes over from a supervisor that was killed finds that here. The supervisor ends it. */
void agent_journal_end(struct agent *a, enum pmig_handover_state state, const char *reason)
{
	bool open = state == PMIG_HANDOVER_DONE && strcmp(a->home, a->host) == 0;
	if (a->handover[0] != '\0' && !open)
		(void)a->store->handover_finish(a->store, a->handover, state, reason);
	a->handover[0] = '\0';
}

/* The hand-over after which the program here went on: images that were made for it are older than the program. "": none. */
void agent_journal_undone(struct agent *a, char ret_id[PMIG_UUID_LENGTH + 1])
{
	struct pmig_handover_row *last;
	ret_id[0] = '\0';
	if (a->store->handover_get(a->store, a->options->uuid, &last) < 0)
		return;
	if (last->state == PMIG_HANDOVER_UNDONE)
		(void)snprintf(ret_id, PMIG_UUID_LENGTH + 1, "%s", last->id);
	free(last);
}

/* Opens the record; what an earlier one left open is closed, since nothing came of it if the program runs here. */
int agent_journal_begin(struct agent *a, const json_t *request)
{
	struct pmig_handover_row *old = NULL;
	const char *id = agent_text(request, "handover");
	if (*id == '\0')
		return 0;
	if (a->store->handover_get(a->store, a->options->uuid, &old) >= 0) {
		if ((old->state == PMIG_HANDOVER_OPEN || old->state == PMIG_HANDOVER_DOUBT) && strcmp(old->id, id) != 0)
			(void)a->store->handover_finish(a->store, old->id, PMIG_HANDOVER_UNDONE, "it was given up");
		free(old);
	}
	int r = a->store->handover_begin(a->store,
		&(struct pmig_handover_row){.id = id,
			.process = a->options->uuid,
			.epoch = (uint64_t)agent_number(request, "epoch", 0),
			.source = agent_text(request, "source"),
			.target = agent_text(request, "target")});
	if (r >= 0)
		(void)snprintf(a->handover, sizeof a->handover, "%s", id);
	return r;
}

/* `plan`: what was decided, -1: nothing was; taken. */
static int send_request(struct agent *a, int image, int plan, int flags)
{
	int r = 0;
	if (plan >= 0) {
		r = agent_program_send(a, CONTROL_PLAN, 0, "", plan);
		(void)close(plan);
		flags |= CONTROL_PLANNED;
	}
	return r < 0 ? r : agent_program_send(a, CONTROL_CHECKPOINT, flags, "", image);
}

static int ask_for_image(struct agent *a, int flags, int64_t decisions)
{
	if (a->pid <= 0)
		return error_set(PMIG_EGONE, "%s has ended", a->name);
	if (a->control >= 0 && a->state == AGENT_STARTING && !a->speaks)
		return error_set(PMIG_EREFUSED,
			"%s was not built with pmig-cc, or has only just begun: it cannot be saved or moved now", a->name);
	char words[CONTROL_TEXT_MAX];
	if (agent_obstacle(a, words, sizeof words))
		return error_set(PMIG_EREFUSED, "%s: %.900s", a->name, words);
	if (a->state != AGENT_RUNNING)
		return error_set(PMIG_EBUSY, "%s is being saved or moved already", a->name);
	(void)unlink(a->image); /* the program may be mapped from an earlier one: it keeps that */
	int fd = open(a->image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "%s/%s", a->options->state, a->image);
	a->why[0] = '\0';
	agent_forget_decisions(a);
	int plan = agent_plan_file(a, decisions);
	int r = plan < 0 && decisions >= 0 ? plan : send_request(a, fd, plan, flags);
	(void)close(fd);
	if (r >= 0)
		a->state = (flags & CONTROL_FREEZE) != 0 ? AGENT_FREEZING : AGENT_SAVING;
	return r;
}

static int waits_for_children(const json_t *request)
{
	return json_is_true(json_object_get(request, "wait_children")) ? CONTROL_WAIT_CHILDREN : 0;
}

int agent_do_checkpoint(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	(void)snprintf(a->image, sizeof a->image, "image/%s.checkpoint", a->options->uuid);
	int r = ask_for_image(a, waits_for_children(request), -1);
	return r < 0 ? r : AGENT_LATER;
}

int agent_do_drop(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)request;
	(void)ret_answer;
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "image/%s.checkpoint", a->options->uuid);
	if (a->state != AGENT_SAVING)
		(void)unlink(path); /* what the program maps of it stays mapped */
	return 0;
}

int agent_do_freeze(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	uint64_t epoch = (uint64_t)agent_number(request, "epoch", 0);
	/* Another hand-over has it: its record stays open, and what is asked a second time writes nothing. */
	if (a->state == AGENT_FROZEN || a->state == AGENT_FREEZING)
		return error_set(PMIG_EBUSY, "%s is being moved already", a->name);
	if (epoch <= a->epoch)
		return error_set(PMIG_ESTALE, "%s has the epoch %llu already", a->name, (unsigned long long)a->epoch);
	if (json_is_true(json_object_get(request, "settle")))
		agent_connection_settle(a);
	int r = fault_meet("freeze:row");
	if (r >= 0)
		r = agent_journal_begin(a, request);
	if (r >= 0)
		r = agent_journal(a, "freeze", PMIG_STEP_BEGIN, NULL);
	(void)snprintf(a->image, sizeof a->image, "image/%s.%llu", a->options->uuid, (unsigned long long)epoch);
	if (r >= 0)
		r = ask_for_image(a, CONTROL_FREEZE | waits_for_children(request), agent_number(request, "decisions", -1));
	if (r < 0) {
		agent_journal_end(a, PMIG_HANDOVER_UNDONE, pmig_reason());
		return r;
	}
	return AGENT_LATER;
}

static void add_hex(json_t *object, const char *key, const unsigned char *bytes, size_t size)
{
	char *text = malloc(2 * size + 1);
	if (text == NULL)
		return;
	hex_put(bytes, size, text);
	(void)json_object_set_new(object, key, json_string(text));
	free(text);
}

/* The rows of the process, in a file beside the image: they may be many. */
static int export_rows(struct agent *a, char ret_path[PATH_MAX])
{
	char *rows;
	int r = a->store->rows_export(a->store, a->options->uuid, &rows);
	if (r < 0)
		return r;
	(void)snprintf(ret_path, PATH_MAX, "%.200s.rows", a->image);
	FILE *f = fopen(ret_path, "we");
	if (f == NULL || fputs(rows, f) < 0)
		r = error_errno(PMIG_EIO, errno, "%s/%s", a->options->state, ret_path);
	if (f != NULL && fclose(f) != 0 && r >= 0)
		r = error_errno(PMIG_EIO, errno, "%s/%s", a->options->state, ret_path);
	free(rows);
	return r;
}

static int describe_frozen(struct agent *a, json_t **ret_answer)
{
	const void *unread;
	char modes[AGENT_MODES_MAX], rows[PATH_MAX];
	int r = agent_stdio_settle(a->io);
	int unread_size = r < 0 ? r : agent_stdio_take_back(a->io, &unread);
	if (unread_size < 0)
		return unread_size;
	r = export_rows(a, rows);
	if (r >= 0)
		r = fault_meet("freeze:held");
	if (r < 0)
		return r;
	agent_stdio_modes(a->io, modes);
	struct winsize size = agent_stdio_size(a->io);
	json_t *d = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:s, s:i, s:i, s:[b,b,b]}", "file", a->image,
		"rows_file", rows, "bytes", (json_int_t)a->checkpoint_args[0], "frames", (json_int_t)a->checkpoint_args[1],
		"ns", (json_int_t)a->checkpoint_args[2], "out", (json_int_t)agent_stdio_end(a->io, AGENT_STDOUT), "err",
		(json_int_t)agent_stdio_end(a->io, AGENT_STDERR), "in", (json_int_t)agent_stdio_taken(a->io), "in_ended",
		(int)agent_stdio_ended(a->io), "modes", modes, "rows", (int)size.ws_row, "columns", (int)size.ws_col,
		"terminal", (int)agent_stdio_terminal(a->io, 0), (int)agent_stdio_terminal(a->io, 1),
		(int)agent_stdio_terminal(a->io, 2));
	add_hex(d, "unread", unread, (size_t)unread_size);
	if (a->decided != NULL)
		(void)json_object_set(d, "decided", a->decided);
	r = agent_reference_frozen(a, d);
	if (r < 0) {
		json_decref(d);
		return r;
	}
	(void)json_object_set_new(d, "fresh", json_true()); /* nobody has kept it somewhere: see agent_restore.c */
	*ret_answer = d;
	return 0;
}

static void remove_image(struct agent *a)
{
	char rows[PATH_MAX];
	(void)snprintf(rows, sizeof rows, "%.200s.rows", a->image);
	(void)unlink(a->image);
	(void)unlink(rows);
}

static void run_on(struct agent *a, const char *reason)
{
	remove_image(a);
	agent_reference_undo(a);
	(void)agent_program_send(a, CONTROL_GO_ON, PMIG_FAILED, reason, -1);
	agent_stdio_go_on(a->io);
	(void)agent_set_state(a, AGENT_RUNNING, PMIG_PROCESS_RUNNING);
}

static void on_frozen(struct agent *a)
{
	if (a->state != AGENT_FREEZING || a->later == 0) { /* nobody waits any more */
		run_on(a, "the request was withdrawn");
		return;
	}
	loop_remove(&a->where_timer);
	json_t *answer = NULL;
	int r = agent_set_state(a, AGENT_FROZEN, PMIG_PROCESS_FROZEN);
	if (r >= 0)
		r = agent_journal(a, "freeze", PMIG_STEP_DONE, NULL);
	if (r >= 0)
		r = describe_frozen(a, &answer);
	if (r >= 0)
		r = fault_meet("freeze:frozen");
	if (r < 0) {
		json_decref(answer);
		answer = NULL;
		run_on(a, pmig_reason());
		agent_journal_end(a, PMIG_HANDOVER_UNDONE, pmig_reason());
	}
	agent_finish_later(a, r, answer);
}

/* The request is over without an image. */
static void give_up(struct agent *a, int code)
{
	loop_remove(&a->where_timer);
	(void)unlink(a->image);
	agent_reference_undo(a);
	if (a->state == AGENT_FREEZING || a->state == AGENT_SAVING)
		a->state = AGENT_RUNNING;
	agent_journal_end(a, PMIG_HANDOVER_UNDONE, pmig_reason());
	agent_finish_later(a, code, NULL);
}

static void on_no_where(void *context)
{
	struct agent *a = context;
	const char *held_by = agent_held_by(a);
	give_up(a,
		error_set(PMIG_ETIMEOUT, "%s did not reach a safe point%s%s, %s", a->name, a->why[0] != '\0' ? ": " : "",
			a->why, held_by != NULL ? held_by : "and does not say where it is"));
}

int agent_do_cancel(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)request;
	(void)ret_answer;
	if (a->state != AGENT_FREEZING && a->state != AGENT_SAVING)
		return 0;
	int r = agent_program_send(a, CONTROL_CANCEL, 1, "", -1);
	if (r >= 0 && a->where_timer == NULL)
		r = loop_after(a->loop, WHERE_MS, on_no_where, a, &a->where_timer);
	return r;
}

/* What stood in the way may be gone while the program waits for something else. */
static void on_again(void *context)
{
	struct agent *a = context;
	if (a->state != AGENT_FREEZING && a->state != AGENT_SAVING)
		return;
	agent_program_kill(a, CONTROL_SIGNAL);
	(void)loop_after(a->loop, AGAIN_MS, on_again, a, &a->again_timer);
}

static void ask_again(struct agent *a)
{
	if (a->again_timer == NULL)
		(void)loop_after(a->loop, AGAIN_MS, on_again, a, &a->again_timer);
}

void agent_on_answer(struct agent *a, const struct control_message *m)
{
	switch (m->type) {
	case CONTROL_FROZEN:
		memcpy(a->checkpoint_args, m->args, sizeof a->checkpoint_args);
		on_frozen(a);
		break;
	case CONTROL_SAVED:
		loop_remove(&a->where_timer);
		if (a->state == AGENT_SAVING)
			a->state = AGENT_RUNNING;
		if (agent_reference_refused(a) < 0) {
			give_up(a, PMIG_EREFUSED);
			break;
		}
		agent_reference_undo(a); /* it goes on with what it uses from elsewhere */
		agent_finish_later(a, 0,
			json_pack("{s:s, s:I, s:I, s:I}", "file", a->image, "bytes", (json_int_t)m->args[0], "frames",
				(json_int_t)m->args[1], "ns", (json_int_t)m->args[2]));
		break;
	case CONTROL_DECIDED:
		agent_note_decision(a, m);
		break;
	case CONTROL_NOT_HERE:
		agent_forget_decisions(a); /* they will be made again */
		(void)snprintf(a->why, sizeof a->why, "%s", m->text);
		ask_again(a);
		break;
	case CONTROL_WHERE:
		if (a->where_timer != NULL)
			give_up(a,
				error_set(PMIG_ETIMEOUT, "%s did not reach a safe point; it is %.600s%s%.300s", a->name,
					m->text, a->why[0] != '\0' ? "; last: " : "",
					a->why[0] != '\0'         ? a->why
						: m->args[0] != 0 ? BUILD_AUTO
								  : ""));
		break;
	case CONTROL_FAILED:
		(void)snprintf(a->why, sizeof a->why, "%s", m->text);
		if (a->state == AGENT_FREEZING || a->state == AGENT_SAVING)
			give_up(a, error_set(m->args[0] < 0 ? (int)m->args[0] : PMIG_EIO, "%.900s", m->text));
		else if (a->state == AGENT_RUNNING)
			agent_reference_undo(a); /* given up before it failed: what it has put into our hands since */
		break;
	case CONTROL_RESTORED:
		agent_on_restored(a, m);
		break;
	default:
		break; /* a newer runtime says more than we know */
	}
}

/* --- a frozen program --- */

int agent_do_promise(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	uint64_t epoch = (uint64_t)agent_number(request, "epoch", 0);
	if (a->state != AGENT_FROZEN && a->pid > 0)
		return error_set(PMIG_EREFUSED, "%s is not frozen", a->name); /* where nothing is, a promise costs nothing */
	if (a->state == AGENT_FROZEN && !agent_handover_is(a, request))
		return error_set(PMIG_ESTALE, "%s is frozen for another hand-over than this one", a->name);
	int r = fault_meet("commit:row");
	if (r >= 0 &&
		agent_handover_is(a, request)) /* else of an image that goes on, and the record here is an older one's */
		r = agent_journal(a, "commit", PMIG_STEP_BEGIN, agent_text(request, "target"));
	if (r >= 0)
		r = fault_meet("commit:begun");
	if (r >= 0)
		r = a->store->owner_claim(a->store, a->options->uuid, epoch, agent_text(request, "target"));
	if (r < 0)
		return r;
	a->promised = epoch;
	if (a->state == AGENT_FROZEN)
		r = a->store->process_set(a->store, a->options->uuid, PMIG_PROCESS_DOUBT, -1, -1);
	return r < 0 ? r : fault_meet("commit:promised");
}

int agent_do_go_on(struct agent *a, const json_t *request, json_t **ret_answer)
{
	const char *reason = agent_text(request, "reason");
	char undone[PMIG_UUID_LENGTH + 1];
	agent_journal_undone(a, undone);
	if (a->state == AGENT_ENDED && *undone != '\0' && strcmp(undone, agent_text(request, "handover")) == 0)
		return 0; /* asked again: it went on, and has ended since */
	if (a->state == AGENT_ENDED || a->state == AGENT_AWAY || a->state == AGENT_EMPTY)
		return error_set(PMIG_EGONE, "%s has ended here", a->name);
	if ((a->state == AGENT_FROZEN || a->state == AGENT_FREEZING) && !agent_handover_is(a, request))
		return 0; /* another hand-over has it: this one has nothing to take back, and would ask until it is told so */
	if (a->state == AGENT_FREEZING) {
		a->later = 0; /* when it freezes, it will be let go at once */
		(void)agent_program_send(a, CONTROL_CANCEL, 0, "", -1);
		a->state = AGENT_RUNNING;
	}
	if (a->promised != 0) {
		if ((uint64_t)agent_number(request, "barred", 0) < a->promised)
			return error_set(PMIG_EDOUBT, "%s may run elsewhere: epoch %llu was promised", a->name,
				(unsigned long long)a->promised);
		int r = fault_meet("go-on:row");
		if (r >= 0)
			r = a->store->owner_claim(a->store, a->options->uuid, a->promised + 1, a->host);
		if (r < 0)
			return r;
		a->epoch = a->claimed = a->promised + 1;
		a->promised = 0;
		(void)agent_enter(a, "");
	}
	agent_journal_end(a, PMIG_HANDOVER_UNDONE, reason);
	agent_file_drop(a); /* of an image that nobody needs any more */
	if (a->state == AGENT_FROZEN)
		run_on(a, reason);
	*ret_answer = json_pack("{s:I}", "epoch", (json_int_t)a->epoch);
	return fault_meet("go-on");
}

/* It has ended, and cannot fail any more: a fault that fails here is met, and nothing comes of it. */
static void gone(struct agent *a)
{
	(void)!fault_meet("release:gone");
	remove_image(a);
	agent_remove_files(a, a->epoch); /* what it came with, if "settle" was lost */
	agent_reference_firm(a);
	a->image[0] = '\0';
	a->promised = 0; /* it may come back: whoever still asks for this release means nobody then */
	(void)!fault_meet("release:removed");
	(void)!io_sync_directory_of("image/"); /* they do not come back with the power: nobody would look for them */
	(void)agent_journal(a, "release", PMIG_STEP_DONE, NULL);
	(void)agent_set_state(a, AGENT_AWAY, strcmp(a->home, a->host) == 0 ? PMIG_PROCESS_AWAY : PMIG_PROCESS_LEFT);
	agent_journal_end(a, PMIG_HANDOVER_DONE, NULL);
}

int agent_do_release(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	if (a->state == AGENT_AWAY || a->state == AGENT_EMPTY)
		return 0;
	if (a->promised == 0)
		return error_set(PMIG_EREFUSED, "%s was promised to nobody", a->name);
	if ((uint64_t)agent_number(request, "epoch", (int64_t)a->promised) != a->promised)
		return error_set(PMIG_ESTALE, "%s was promised for epoch %llu, not for this one", a->name,
			(unsigned long long)a->promised);
	if (a->state == AGENT_ENDED) {
		if (*agent_text(request, "handover") != '\0' && !agent_handover_is(a, request))
			agent_journal_end(a, PMIG_HANDOVER_UNDONE, "it goes on from its image");
		gone(a);
		return 0;
	}
	if (a->state != AGENT_FROZEN && a->state != AGENT_RELEASING)
		return error_set(PMIG_EREFUSED, "%s is not frozen", a->name);
	int r = fault_meet("release:row");
	agent_reference_firm(a); /* who owns the epoch is known: the peers of its sockets need not wait for its end */
	if (r >= 0)
		r = fault_meet("release:firm");
	if (r >= 0)
		r = agent_journal(a, "release", PMIG_STEP_BEGIN, NULL);
	if (r >= 0)
		r = fault_meet("release:end");
	if (r < 0)
		return r;
	if (agent_program_send(a, CONTROL_END, json_is_true(json_object_get(request, "keep")) ? CONTROL_KEEP : 0, "", -1) <
		0)
		agent_program_kill(a, SIGKILL); /* it ends in any case; perhaps it is about to */
	a->state = AGENT_RELEASING;
	r = fault_meet("release");
	return r < 0 ? r : AGENT_LATER;
}

bool agent_on_exit_of_copy(struct agent *a)
{
	switch (a->state) {
	case AGENT_RELEASING:
		gone(a);
		agent_finish_later(a, 0, NULL);
		return true;
	case AGENT_UNDOING:
		agent_reference_lose(a);
		agent_stdio_destroy(a->io);
		a->io = NULL;
		a->state = AGENT_EMPTY;
		agent_finish_later(a, 0, NULL);
		return true;
	case AGENT_RESTORING:
	case AGENT_RESTORED:
		agent_on_copy_lost(a);
		return true;
	default:
		return false;
	}
}
