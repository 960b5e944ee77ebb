/* signals: what the user's terminal and others send to `pmig run` goes to the program. */
#include "parts.h"
#include "terminal.h"

#include <unistd.h>

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

static void forward(struct supervisor *s, int number)
{
	remote_request(supervisor_here(s)->remote, "signal", json_pack("{s:i}", "number", number), NULL, NULL);
}

static void on_signal(void *context, const struct signalfd_siginfo *info)
{
	struct supervisor *s = context;
	int number = (int)info->ssi_signo;
	if (!s->started) {
		if (number != SIGWINCH && number != SIGCONT)
			supervisor_stop(s, 128 + number);
		return;
	}
	if (number == SIGWINCH) {
		struct winsize size = terminal_size();
		remote_request(supervisor_here(s)->remote, "window",
			json_pack("{s:i, s:i}", "rows", (int)size.ws_row, "columns", (int)size.ws_col), NULL, NULL);
		return;
	}
	if (number == SIGCONT) {
		terminal_enter();
		if (s->input_source != NULL)
			streams_pump_input(s);
	}
	forward(s, number);
}

int signals_open(struct supervisor *s)
{
	sigset_t set;
	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
		(void)sigaddset(&set, forwarded[i]);
	(void)sigaddset(&set, SIGWINCH);
	(void)sigaddset(&set, SIGTSTP);
	(void)sigaddset(&set, SIGCONT);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGTTOU, SIG_IGN); /* its modes are put back from the background too */
	return loop_signals(s->loop, &set, on_signal, s);
}

void signals_stopped(struct supervisor *s)
{
	if (s->options->detached)
		return;
	terminal_leave();
	(void)kill(0, SIGSTOP); /* the whole job, as the terminal would have done; on with SIGCONT */
	terminal_enter();
}
