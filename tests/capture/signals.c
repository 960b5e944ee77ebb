/* signals: dispositions, dates and texts that libc tells, kept across safe points: none of them may lead into libc. */
#include <pmig/pmig.h>

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct sigaction before;
static struct tm local;
static volatile sig_atomic_t caught;

static void count(int number)
{
	(void)number;
	caught++;
}

int main(void)
{
	struct sigaction action = {.sa_handler = count};
	time_t epoch = 0;
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR1, &action, &before);
	void (*former)(int) = signal(SIGUSR2, count);
	localtime_r(&epoch, &local);
	const struct tm *utc = gmtime(&epoch);
	const struct lconv *numbers = localeconv();
	const char *text = strerror(2), *locale = setlocale(LC_ALL, NULL);
	for (int i = 0; i < 5; i++)
		pmig_safepoint();
	raise(SIGUSR1);
	sigaction(SIGUSR1, &before, NULL);
	pmig_safepoint();
	raise(SIGUSR1);
	raise(SIGUSR2);
	printf("%d %d %s %d %s %s %s\n", caught, former == SIG_DFL, local.tm_zone, utc->tm_year, numbers->decimal_point,
		text, locale);
	return 0;
}
