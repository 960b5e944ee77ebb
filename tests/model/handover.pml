/* handover: a program that moves between two hosts, A and B, driven by a supervisor at home; any of them may be killed at any step,
 * messages are lost, come late or twice, a second supervisor takes over while the first one lives.
 *
 * What home does is not modelled: it is transport/handover.c itself, called by way of step.c. What the agents do follows
 * transport/agent_image.c, agent_restore.c and agent_remember.c request by request, under the same names. What goes wrong is MISHAPS:
 * so many things, of any kind, at any moment. spin tries them all.
 *
 * What must hold, whatever happens:
 *   one     never two running copies                                              (begin_to_run)
 *   newest  what begins to run is what stopped last: nothing is lost or done twice (begin_to_run)
 *   saved   the program runs, or stands frozen, or a durable image of its last state is there; or it was killed while it ran,
 *           or before there was an image, as any program that is killed               (keep)
 *   fence   who acts for an epoch that is over does nothing                         (begin_to_run, go_on, release)
 *   end     once nothing goes wrong any more all comes to its end                 (rest, and no cycle without progress)
 * What is removed at the source is removed by RELEASE, hence the first assertion there.
 *
 * -DTWO: a second supervisor may take over while the first one lives. -DBUG_NO_BAR, -DBUG_EAGER, -DBUG_VOLATILE: three faults of the
 * protocol, which must be found. `check` runs all this. */
#include "names.h"

c_decl {
	\#include "tests/model/step.h"
}

#ifndef MISHAPS
#define MISHAPS 2
#endif
#ifndef MOVES
#define MOVES 2
#endif

#define A 0
#define B 1
#define OTHER(h) (1 - (h))

/* What an agent knows of the program (agent_parts.h). */
#define EMPTY 1
#define RUNNING 2
#define FROZEN 3
#define RESTORED 4
#define AWAY 5
#define DEAD 6

/* The row of the process: what an agent that is started anew finds. */
#define NO_ROW 0
#define STARTING 1
#define RAN 2 /* running, frozen or in doubt */
#define STORED 3
#define LEFT 4
#define OVER 5

typedef Host {
	bool up, busy, crashed;
	byte state, epoch, promised, claimed, handover; /* in the agent's memory: gone with it, and so is the program */
	byte life;                                      /* of the process here, or of its image `file` at a source; see `life` */
	byte file;
	byte owner, where, barred;                      /* on disk: the row of owners, */
	byte image, image_life;                         /* the image that came last: its epoch, 0: none, */
	byte row, row_epoch, row_source;                /* the journal's last hand-over */
	bool row_open, activated;
	byte process;                                   /* and the row of the process. That is not synced by itself: */
	byte process_synced;                            /* this is what is left when the power goes */
#ifdef BUG_VOLATILE
	byte owner_synced, where_synced;
#endif
};
Host host[2];

/* Home's disk: the hand-over that it knows last, and where the program was left. */
#define OPEN 1
#define CLOSED 2
#define DOUBT 3
byte home_row, home_epoch, home_source, home_target, home_state = CLOSED;
byte home_where = A;

byte life = 1;       /* how often the program has begun, or gone on, so far */
byte shipped = 0;    /* the `life` of the last image of which home has heard that it is durable */
byte past = 0;       /* the `life` of the last image that a source gave up, when it was told to go on */
bool killed = false; /* as any program may be: while it ran, or before there was such an image */
byte ids = 0;        /* numbers of hand-overs */
byte moves = MOVES, mishaps = MISHAPS;
bool over = false; /* the last supervisor has ended by itself */

/* Two supervisors at most at a time. */
bool alive[2], killed_supervisor[2];
int driver[2]; /* struct handover */
byte seen[2];  /* the highest epoch that each knows to have begun: it tells every agent */

chan to[2] = [3] of { byte, byte, byte, byte, byte };  /* to an agent: who asks, action, hand-over, epoch, extra */
chan from[2] = [2] of { byte, byte, byte, byte };      /* to a supervisor: action, hand-over, what came of it, extra */

/* --- the journal: each row is durable before the step is done --- */

/* Whatever is written durably takes with it what was written before: the log is synced as a whole. */
inline sync(syn)
{
	host[syn].process_synced = host[syn].process;
#ifdef BUG_VOLATILE
	host[syn].owner_synced = host[syn].owner;
	host[syn].where_synced = host[syn].where
#endif
}

inline journal(jou)
{
	sync(jou)
}

inline journal_begin(jou, number, e, from_where) /* what an earlier one left open is closed */
{
	if
	:: host[jou].row != number ->
		host[jou].row = number;
		host[jou].row_epoch = e;
		host[jou].row_source = from_where;
		host[jou].row_open = true;
		host[jou].activated = false
	:: else
	fi;
	host[jou].handover = number;
	sync(jou)
}

inline journal_end(jou)
{
	if
	:: host[jou].handover != 0 ->
		host[jou].row_open = host[jou].row_open && host[jou].row != host[jou].handover;
		host[jou].handover = 0;
		sync(jou)
	:: else
	fi
}

/* --- the program --- */

#define LIVES(h) (host[h].state == RUNNING || host[h].state == FROZEN)
#define HAS_IMAGE(h) (host[h].image != 0 && host[h].image_life == life)

inline keep()
{
	assert(killed || LIVES(A) || LIVES(B) || HAS_IMAGE(A) || HAS_IMAGE(B))
}

inline begin_to_run(at)
{
	assert(host[OTHER(at)].state != RUNNING);
	assert(host[at].life == life || killed); /* killed after it had begun there, `pmig recover` may go on from its image */
	assert(host[at].epoch >= host[OTHER(at)].epoch || !LIVES(OTHER(at)));
	life++;
	assert(life < 7);
	host[at].life = life;
	host[at].state = RUNNING;
	host[at].process = RAN
}

/* SIGKILL to the program at h, or the end of its agent. */
inline die(at)
{
	killed = killed || host[at].state == RUNNING ||
		(host[at].state == FROZEN && (shipped != life || past == life));
	host[at].state = (host[at].state == RESTORED -> EMPTY : (LIVES(at) -> DEAD : host[at].state))
}

/* --- an agent: what it finds when it is started (agent_remember.c) --- */

#define ROW_IS_HERE(h) (host[h].owner == host[h].row_epoch && host[h].where == OTHER(host[h].row_source))

inline remember(h)
{
	host[h].up = true;
	host[h].state = EMPTY;
	host[h].epoch = host[h].owner;
	if
	:: host[h].process != NO_ROW && host[h].row != 0 ->
		host[h].handover = (host[h].row_open -> host[h].row : 0);
		if
		:: host[h].process == STARTING || host[h].process == STORED ->
			host[h].epoch = host[h].row_epoch;
			host[h].claimed = (ROW_IS_HERE(h) -> host[h].row_epoch : 0)
		:: else ->
			host[h].promised = (ROW_IS_HERE(h) && host[h].row_open && host[h].row_source == h ->
				host[h].row_epoch : 0)
		fi;
		if
		:: host[h].row_open && ROW_IS_HERE(h) && host[h].activated && host[h].claimed != 0 ->
			host[h].state = DEAD; /* it may have run */
			host[h].process = OVER
		:: else
		fi
	:: else
	fi;
	if
	:: host[h].process == RAN || host[h].process == OVER ->
		host[h].state = DEAD;
		host[h].process = OVER
	:: else
	fi
}

/* --- an agent: what it does on request. `event` is what came of it --- */

inline claim(at, e, w) /* registry/owner.c; `good` */
{
	good = !(host[at].barred >= e || host[at].owner > e || (host[at].owner == e && host[at].where != w));
	if
	:: good ->
		assert(e < 9);
		host[at].owner = e;
		host[at].where = w;
#ifndef BUG_VOLATILE
		sync(at)
#endif
	:: else
	fi
}

inline do_freeze(h)
{
	if
	:: host[h].handover == id -> event = (host[h].state == DEAD -> GONE : FAILED) /* asked a second time */
	:: host[h].handover != id && epoch <= host[h].epoch -> event = FAILED
	:: host[h].handover != id && epoch > host[h].epoch && (host[h].state == FROZEN || host[h].state == RESTORED) -> event = FAILED
	:: host[h].handover != id && epoch > host[h].epoch && host[h].state != FROZEN && host[h].state != RESTORED ->
		atomic { journal_begin(h, id, epoch, h) };
		atomic { journal(h) };
		atomic {
			if
			:: host[h].state == RUNNING ->
				host[h].state = FROZEN;
				host[h].file = life;
				journal(h);
				event = DONE
			:: host[h].state == RUNNING && mishaps > 0 -> /* no safe point in time */
				mishaps--;
				journal_end(h);
				event = FAILED
			:: else ->
				journal_end(h);
				event = GONE
			fi
		}
	fi
}

inline do_ship(h)
{
	atomic {
		if
		:: epoch <= host[h].barred -> event = FAILED
		:: else ->
			host[h].image = epoch;
			host[h].image_life = extra;
			event = DONE
		fi
	}
}

inline restore_again(again_at)
{
	atomic { journal(again_at); host[again_at].process = STARTING };
	atomic {
		if
		:: host[again_at].image == host[again_at].epoch ->
			host[again_at].state = RESTORED;
			host[again_at].life = host[again_at].image_life;
			journal(again_at)
		:: else
		fi
	}
}

inline do_restore(h)
{
	if
	:: host[h].state == RESTORED && host[h].epoch == epoch && host[h].handover == id -> event = DONE
	:: else ->
		if
		:: LIVES(h) || host[h].state == RESTORED || epoch <= host[h].owner || epoch <= host[h].barred ||
			(host[h].image != extra && host[h].image != epoch) -> event = FAILED
		:: else ->
			atomic {
				host[h].image = epoch;
				journal_begin(h, id, epoch, OTHER(h));
				host[h].epoch = epoch
			};
			restore_again(h);
			event = (host[h].state == RESTORED -> DONE : FAILED)
		fi
	fi
}

inline do_promise(h)
{
	if
	:: host[h].state == RUNNING || host[h].state == RESTORED ||
		(host[h].state == FROZEN && host[h].handover != id) -> event = FAILED
	:: else ->
		atomic { journal(h) };
		atomic {
			claim(h, epoch, OTHER(h));
			host[h].promised = (good -> epoch : host[h].promised);
			event = (good -> DONE : FAILED)
		}
	fi
}

inline do_claim(h)
{
	if
	:: epoch == host[h].claimed -> event = DONE
	:: epoch != host[h].claimed && (epoch != host[h].epoch || host[h].state != RESTORED || host[h].handover != id) ->
		event = FAILED
	:: else ->
		atomic { journal(h) };
		atomic {
			claim(h, epoch, h);
			host[h].claimed = (good -> epoch : host[h].claimed);
			host[h].promised = (good -> 0 : host[h].promised);
			event = (good -> DONE : FAILED)
		}
	fi
}

inline do_bar(h)
{
	atomic {
		if
		:: host[h].barred >= epoch -> event = BARRED
		:: host[h].barred < epoch && host[h].owner == epoch -> event = (host[h].where == h -> OWNED : BARRED)
		:: else ->
#ifndef BUG_NO_BAR
			host[h].barred = epoch;
			sync(h);
#endif
			event = BARRED
		fi;
		/* that of the hand-over itself, or the one that waited and was to go on for this epoch */
		extra = (host[h].image == epoch || (host[h].where == h && host[h].image == host[h].owner) -> host[h].image : 0)
	}
}

inline do_activate(h)
{
	if
	:: epoch != host[h].claimed || host[h].state == DEAD -> event = FAILED
	:: epoch == host[h].claimed && (LIVES(h) || host[h].state == AWAY) -> event = DONE
	:: else ->
		if
		:: host[h].state == EMPTY && host[h].image == epoch -> host[h].epoch = epoch; restore_again(h)
		:: else
		fi;
		if
		:: host[h].state == RESTORED ->
			atomic { journal(h); host[h].activated = true };
			atomic {
				if
				:: host[h].state == RESTORED ->
					begin_to_run(h);
					journal_end(h);
					event = DONE
				:: else -> event = FAILED
				fi
			}
		:: else -> event = FAILED
		fi
	fi
}

inline do_unrestore(h)
{
	atomic {
		if
		:: host[h].claimed == epoch -> event = FAILED
		:: host[h].claimed != epoch && host[h].state == RESTORED && host[h].handover == id ->
			host[h].state = EMPTY;
			event = DONE
		:: else -> event = DONE
		fi
	}
}

inline do_go_on(h)
{
	if
	:: host[h].state == DEAD && host[h].row == id && !host[h].row_open -> event = DONE /* it went on, and has ended since */
	:: !(host[h].state == DEAD && host[h].row == id && !host[h].row_open) &&
		(host[h].state == DEAD || host[h].state == AWAY || host[h].state == EMPTY) -> event = GONE
	:: host[h].state == FROZEN && host[h].handover != id -> event = DONE /* of another hand-over, which has it */
	:: host[h].promised != 0 && extra < host[h].promised && LIVES(h) && !(host[h].state == FROZEN && host[h].handover != id) -> event = FAILED
	:: else ->
		event = DONE;
		if
		:: host[h].promised != 0 ->
			atomic {
				claim(h, host[h].promised + 1, h);
				if
				:: good ->
					host[h].epoch = host[h].promised + 1;
					host[h].claimed = host[h].epoch;
					host[h].promised = 0
				:: else -> event = FAILED
				fi
			}
		:: else
		fi;
		if
		:: event == DONE ->
			atomic {
				journal_end(h); /* from this row on it has been told to run, and the image is of the past */
				if
				:: host[h].state == FROZEN -> past = life
				:: host[h].state == DEAD -> killed = true
				:: else
				fi
			};
			atomic {
				if
				:: host[h].state == FROZEN -> begin_to_run(h)
				:: else
				fi
			}
		:: else
		fi;
		extra = host[h].epoch
	fi
}

inline gone(leaver)
{
	journal(leaver);
	host[leaver].state = AWAY;
	host[leaver].promised = 0;
	host[leaver].process = LEFT;
	journal_end(leaver)
}

inline do_release(h)
{
	if
	:: host[h].state == AWAY || host[h].state == EMPTY -> event = DONE
	:: host[h].state != AWAY && host[h].state != EMPTY && (host[h].promised != epoch || !(host[h].state == FROZEN || host[h].state == DEAD)) ->
		event = FAILED
	:: host[h].state == DEAD && host[h].promised == epoch -> atomic { gone(h); event = DONE }
	:: else ->
		/* what moved is removed here from now on: so it must have arrived */
		assert(host[OTHER(h)].owner >= epoch);
		atomic { journal(h) };
		atomic {
			host[h].state = AWAY;
			gone(h);
			keep();
			event = DONE
		}
	fi
}

inline do_forget(h)
{
	if
	:: host[h].claimed == epoch || host[h].state == RESTORED || LIVES(h) -> event = FAILED
	:: else ->
		atomic {
			host[h].image = (host[h].image == epoch -> 0 : host[h].image);
			keep();
			journal_end(h);
			host[h].process = (host[h].process == STARTING || host[h].process == STORED -> LEFT : host[h].process);
			event = DONE
		}
	fi
}

inline do_settle(h)
{
	atomic {
		host[h].image = (host[h].state == RUNNING && host[h].claimed == host[h].epoch -> 0 : host[h].image);
		event = DONE
	}
}

proctype agent(bit h)
{
	byte who, action, id, epoch, extra, event;
	bool good;
again:
	{
			do
		:: atomic {
			to[h]?who, action, id, epoch, extra ->
			host[h].busy = true;
			event = 0;
			printf("host %d is asked: action %d, hand-over %d, epoch %d, %d\n", h, action, id, epoch, extra);
			if
			:: host[h].up
			:: else -> remember(h)
			fi;
			if /* hello: a copy of an older epoch must not run */
			:: host[h].state == RUNNING && seen[who] > host[h].epoch -> die(h); host[h].process = OVER
			:: else
			fi
		   }
		   if
		   :: atomic { mishaps > 0 -> mishaps--; event = FAILED } /* a disk is full, a file is not there ... */
		   :: action == FREEZE -> do_freeze(h)
		   :: action == SHIP -> do_ship(h)
		   :: action == RESTORE -> do_restore(h)
		   :: action == PROMISE -> do_promise(h)
		   :: action == CLAIM -> do_claim(h)
		   :: action == BAR -> do_bar(h)
		   :: action == ACTIVATE -> do_activate(h)
		   :: action == UNRESTORE -> do_unrestore(h)
		   :: action == GO_ON -> do_go_on(h)
		   :: action == RELEASE -> do_release(h)
		   :: action == FORGET -> do_forget(h)
		   :: action == SETTLE -> do_settle(h)
		   fi;
		   atomic {
			printf("host %d answers, action %d: %d\n", h, action, event);
			if
			:: true
			:: mishaps > 0 && event == DONE && action != RELEASE -> mishaps--; event = FAILED /* it was done all the same */
			fi;
			if
			:: len(from[who]) < 2 && action != SETTLE -> from[who]!action, id, event, extra
			:: else
			fi;
			host[h].busy = false;
			who = 0; action = 0; id = 0; epoch = 0; extra = 0; event = 0; good = false /* states that differ in nothing else are one */
		   }
		od
	} unless {
		atomic {
			host[h].crashed -> host[h].crashed = false;
			host[h].busy = false;
			who = 0; action = 0; id = 0; epoch = 0; extra = 0; event = 0; good = false
		}
	};
	goto again
}

/* --- a supervisor (tools/supervisor/move.c) --- */

#define STEP(event_) c_code { now.driver[Psupervisor->me] = step_next(now.driver[Psupervisor->me], event_, \
	&Psupervisor->doing, &Psupervisor->back, &Psupervisor->outcome); }; asked = false
/* Something that happens by itself: what is under way may go on. */
#define TELL(event_) said = doing; \
	c_code { now.driver[Psupervisor->me] = step_next(now.driver[Psupervisor->me], event_, \
	&Psupervisor->doing, &Psupervisor->back, &Psupervisor->outcome); }; asked = asked && said == doing; said = 0
#define IS_DURABLE(b) c_code { now.driver[Psupervisor->me] = step_durable(now.driver[Psupervisor->me], b); }

#define SIDE ((doing == FREEZE || doing == PROMISE || doing == GO_ON || doing == RELEASE) -> source : target)
#define DOING_ALONE (doing == PLAN || doing == PREPARE)

inline enter_row() /* move_report.c, report_begin */
{
	ids++;
	assert(ids < 6);
	id = ids;
	home_row = id;
	home_epoch = epoch;
	home_source = source;
	home_target = target;
	home_state = OPEN
}

inline close_row(state_)
{
	if
	:: home_row == id ->
		home_state = state_;
		if
		:: state_ == CLOSED && outcome == MOVED -> home_where = target
		:: state_ == CLOSED && outcome != MOVED -> home_where = source
		:: else
		fi
	:: else
	fi
}

/* The source says that its program went on after this hand-over: the image is of the past. */
inline look_back()
{
	if
	:: host[source].row == id && !host[source].row_open && host[source].promised == 0 ->
		stale = true;
		IS_DURABLE(false)
	:: else
	fi
}

inline ask()
{
	asked = true;
	if
	:: doing == SHIP && host[source].file == 0 -> STEP(FAILED)
	:: doing == SHIP && host[source].file != 0 -> to[target]!me, SHIP, id, epoch, host[source].file
	:: doing == RESTORE -> to[target]!me, RESTORE, id, epoch, (image_epoch != 0 -> image_epoch : epoch)
	:: doing == GO_ON -> to[source]!me, GO_ON, id, epoch, (barred -> epoch : 0)
	:: else -> to[SIDE]!me, doing, id, epoch, 0
	fi
}

inline take_answer()
{
	if
	:: !asked || said != doing || said_id != id /* somebody stopped waiting for it */
	:: else ->
		if
		:: doing == BAR && (came == BARRED || came == OWNED) ->
			barred = barred || came == BARRED;
			if
			:: with != 0 && !stale && back != 0 -> image_there = with; IS_DURABLE(true)
			:: else
			fi
		:: doing == SHIP && came == DONE -> shipped = host[target].image_life
		:: doing == ACTIVATE && came == DONE -> arrived = true; seen[me] = epoch
		:: doing == GO_ON && came == DONE && with > seen[me] -> seen[me] = with
		:: doing == RELEASE && came == DONE && len(to[target]) < 3 -> to[target]!me, SETTLE, id, epoch, 0
		:: came == GONE -> look_back()
		:: else
		fi;
		STEP(Psupervisor->came)
	fi;
	said = 0; said_id = 0; came = 0; with = 0
}

/* `pmig move`, to where the program is not. */
inline set_out()
{
	moves--;
	source = home_where;
	target = OTHER(source);
	epoch = seen[me];
	epoch = (host[target].owner > epoch -> host[target].owner : epoch);
	epoch = (host[target].barred > epoch -> host[target].barred : epoch);
	epoch++;
	id = 0;
	image_epoch = 0;
	image_there = 0;
	arrived = false;
	stale = false;
	barred = false;
	heard = false;
	driver[me] = 0;
	STEP(START)
}

/* What another supervisor left open (attach.c): the target is asked first. */
inline take_up()
{
	id = home_row;
	epoch = home_epoch;
	source = home_source;
	target = home_target;
	c_code { now.driver[Psupervisor->me] = step_resume(&Psupervisor->doing); };
	back = 1
}

/* `pmig recover`: on from the image that waits, for a new epoch. */
inline revive()
{
	image_epoch = (image_there != 0 -> image_there : epoch);
	epoch++;
	arrived = false;
	enter_row();
	c_code { now.driver[Psupervisor->me] = step_revive(&Psupervisor->doing); };
	back = 0;
	asked = false
}

proctype supervisor(bit me; bool attached)
{
	byte id, epoch, image_epoch, image_there, source, target, doing, back, outcome, said, said_id, came, with;
	bool asked, arrived, stale, barred, heard;
	{
		if
		:: atomic { attached && home_state != CLOSED -> take_up(); goto moving }
		:: atomic { (!attached || home_state == CLOSED) -> /* frozen by one that was killed, and nothing is open: it goes on */
			if
			:: attached && host[home_where].state == FROZEN && len(to[home_where]) < 3 ->
				to[home_where]!me, GO_ON, host[home_where].handover, 0, 0
			:: else
			fi }
		fi;
rests:
progress:
		do
		:: atomic { moves > 0 && LIVES(home_where) -> set_out(); goto moving }
		:: moves == 0 || !LIVES(home_where) -> goto finished
		od;
moving:
		do
		:: atomic { doing == PLAN -> STEP(DONE) }
		:: atomic { doing == PREPARE && id == 0 -> enter_row() }
		:: atomic { doing == PREPARE && id != 0 -> STEP(DONE) }
		:: atomic { doing != REPORT && !DOING_ALONE && !asked && len(to[SIDE]) < 3 -> ask() }
		:: atomic { from[me]?said, said_id, came, with -> take_answer() }
		:: atomic { asked && empty(to[SIDE]) && !host[SIDE].busy && empty(from[me]) -> asked = false } /* lost: once more */
		:: atomic { asked && mishaps > 0 -> mishaps--; printf("lost, action %d\n", doing); STEP(LOST) } /* for too long */
		:: atomic { doing < PROMISE && mishaps > 0 -> mishaps--; STEP(FAILED) }
		:: atomic { doing < PROMISE && mishaps > 0 -> mishaps--; TELL(CANCEL) }
		:: atomic { asked && !arrived && !heard && SIDE == target && host[source].up && host[source].state == DEAD ->
			heard = true;
			look_back(); TELL(GONE) } /* an event tells */
		:: atomic { doing == REPORT && outcome != WAITS -> close_row(CLOSED); id = 0; goto rests }
		:: atomic { doing == REPORT && outcome == WAITS -> close_row(DOUBT);
			if
			:: image_epoch == 0 -> revive()
			:: else -> goto finished
			fi }
		od;
finished:
		atomic { over = true; alive[me] = false }
	} unless {
		atomic { killed_supervisor[me] -> killed_supervisor[me] = false; alive[me] = false }
	}
}

/* --- what goes wrong, and who sees to it --- */

inline agent_dies(dead)
{
	printf("host %d, the agent is killed\n", dead);
	die(dead);
	host[dead].up = false;
	host[dead].crashed = true;
	host[dead].state = EMPTY;
	host[dead].epoch = 0;
	host[dead].promised = 0;
	host[dead].claimed = 0;
	host[dead].handover = 0;
	host[dead].life = 0;
	keep()
}

inline power_fails(dark)
{
	host[dark].process = host[dark].process_synced;
	host[dark].file = 0;
#ifdef BUG_VOLATILE
	host[dark].owner = host[dark].owner_synced;
	host[dark].where = host[dark].where_synced;
#endif
	agent_dies(dark)
}

proctype fate(bit h)
{
	byte who, action, id, epoch, extra;
		do
	:: atomic { mishaps > 0 && (LIVES(h) || host[h].state == RESTORED) -> /* SIGKILL to the program */
		mishaps--;
		printf("host %d, the program is killed\n", h);
		die(h);
		host[h].process = (host[h].state == DEAD -> OVER : (host[h].claimed == host[h].epoch -> STORED : host[h].process));
		keep() }
	:: atomic { mishaps > 0 && host[h].up && !host[h].crashed -> mishaps--; agent_dies(h) }
	:: atomic { mishaps > 0 && host[h].up && !host[h].crashed -> mishaps--; power_fails(h) }
	:: atomic { mishaps > 0 && len(to[h]) == 1 -> /* A message is lost, or comes twice, and all may take as long as they like. They keep their order: */
		mishaps--;                           /* a connection does, and a new one ends the last one with all that it had. */
		to[h]?who, action, id, epoch, extra;
		if
		:: true
		:: to[h]!who, action, id, epoch, extra; to[h]!who, action, id, epoch, extra
		fi;
		who = 0; action = 0; id = 0; epoch = 0; extra = 0 }
#ifdef BUG_EAGER
	:: atomic { host[h].state == FROZEN && host[h].promised != 0 && !host[h].busy -> begin_to_run(h) } /* it has waited long enough */
#endif
	:: atomic { mishaps > 0 && alive[h] && !killed_supervisor[h] -> mishaps--; printf("supervisor %d is killed\n", h); killed_supervisor[h] = true }
	od
}

inline attach(me_)
{
	alive[me_] = true;
	seen[me_] = (home_state == CLOSED && home_epoch > 1 -> home_epoch : 1);
	do
	:: from[me_]?_, _, _, _
	:: empty(from[me_]) -> break
	od;
	run supervisor(me_, true)
}

#define IS_STILL (host[home_where].state == FROZEN && empty(to[A]) && empty(to[B]) && !host[A].busy && !host[B].busy)

/* Sits at home. */
proctype person()
{
		do
	:: atomic { (!over || home_state == OPEN || IS_STILL) && !alive[0] && !alive[1] -> attach(0) }
#ifdef TWO
	:: atomic { !over && mishaps > 0 && alive[0] && !alive[1] -> mishaps--; attach(1) } /* while the other one lives */
	:: atomic { !over && mishaps > 0 && alive[1] && !alive[0] -> mishaps--; attach(0) }
#endif
	od
}

#define IS_OVER (home_state == CLOSED || home_state == DOUBT)
#define ONE_RUNS (host[A].state == RUNNING || host[B].state == RUNNING)

/* Nothing moves any more, and nothing will. */
proctype rest()
{
	timeout ->
	assert(over && IS_OVER);
	assert(killed || ONE_RUNS || (home_state == DOUBT && (HAS_IMAGE(A) || HAS_IMAGE(B))))
}

init {
	atomic {
		host[A].up = true;
		host[A].state = RUNNING;
		host[A].epoch = 1;
		host[A].life = life;
		host[A].owner = 1;
		host[A].where = A;
		host[A].process = RAN;
		host[A].process_synced = RAN;
		seen[0] = 1;
		alive[0] = true;
		run agent(A);
		run agent(B);
		run supervisor(0, false);
		run fate(A);
		run fate(B);
		run person();
		run rest()
	}
}
