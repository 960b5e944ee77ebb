/* studio: makes moving images for the display of a workstation.
 *
 *   mkfifo display && ffplay -f image2pipe display &      (or cat display >film)
 *   pmig run -- ./studio display 1000 800 20
 *
 * The display is by identifier, fixed: it is that of this desk, and the images come back to it wherever they are computed. So what
 * it needs is declared: width x height x 3 bytes, so many times a second. A move to where the link cannot carry that is refused
 * before anything is frozen; computing elsewhere is pointless when the way back is too narrow.
 *
 * A frame is a PPM (netpbm, ppm(5)); it depends on its number only, so that a film of a moved studio is that of one that
 * stayed, byte by byte. */
#include <pmig/pmig.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIDE_MAX 8192

struct studio {
	int display;
	int width, height;
	long rate; /* frames per second */
	size_t size;
	char *frame;
	struct timespec due; /* when the next frame is to be shown */
};

/* A wave that runs outward from a point: 0 to 255, 256 steps a period. */
static unsigned char wave(int phase)
{
	int x = phase & 127;
	int half = x * (128 - x) / 32;
	return (unsigned char)((phase & 128) != 0 ? 127 - half : 128 + half);
}

/* Where something is at frame `n` that goes to and fro between 0 and `most`. */
static int swing(long n, int step, int most)
{
	int at = (int)(n * step % (2 * most));
	return at < most ? at : 2 * most - at;
}

static void draw(const struct studio *s, long n)
{
	int header = snprintf(s->frame, s->size, "P6\n%d %d\n255\n", s->width, s->height);
	unsigned char *p = (unsigned char *)s->frame + header;
	int x1 = swing(n, 7, s->width), y1 = swing(n, 3, s->height), x2 = swing(n, 2, s->width), y2 = swing(n, 5, s->height);
	for (int y = 0; y < s->height; y++) {
		int a = (y - y1) * (y - y1), b = (y - y2) * (y - y2);
		for (int x = 0; x < s->width; x++) {
			int near1 = ((x - x1) * (x - x1) + a) >> 6, near2 = ((x - x2) * (x - x2) + b) >> 6;
			*p++ = wave(near1);
			*p++ = wave(near2);
			*p++ = wave(near1 + near2 + (int)n);
		}
	}
}

static int show(const struct studio *s)
{
	for (size_t done = 0; done < s->size;) {
		ssize_t n = write(s->display, s->frame + done, s->size - done);
		if (n < 0 && errno != EINTR)
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Waits until the next frame is due; one that comes too late is shown at once. */
static void keep_time(struct studio *s)
{
	struct timespec now;
	s->due.tv_nsec += 1000000000 / s->rate;
	s->due.tv_sec += s->due.tv_nsec / 1000000000;
	s->due.tv_nsec %= 1000000000;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec > s->due.tv_sec || (now.tv_sec == s->due.tv_sec && now.tv_nsec > s->due.tv_nsec))
		s->due = now;
	else
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &s->due, NULL);
}

static int begin(struct studio *s, int argc, char **argv)
{
	*s = (struct studio){.width = argc > 2 ? atoi(argv[2]) : 1000,
		.height = argc > 3 ? atoi(argv[3]) : 800,
		.rate = argc > 4 ? atol(argv[4]) : 20};
	if (argc < 2 || s->width < 1 || s->width > SIDE_MAX || s->height < 1 || s->height > SIDE_MAX || s->rate < 1) {
		fputs("usage: studio DISPLAY [WIDTH HEIGHT RATE [FRAMES]]\n", stderr);
		return 2;
	}
	size_t pixels = (size_t)s->width * (size_t)s->height * 3;
	s->size = (size_t)snprintf(NULL, 0, "P6\n%d %d\n255\n", s->width, s->height) + pixels;
	s->frame = malloc(s->size);
	s->display = open(argv[1], O_WRONLY);
	if (s->frame == NULL || s->display < 0) {
		perror(argv[1]);
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &s->due);
	return pmig_declare_fd(s->display,
		&(struct pmig_declaration){.name = "display",
			.binding = PMIG_BY_IDENTIFIER,
			.attachment = PMIG_FIXED,
			.rate = s->size * (uint64_t)s->rate});
}

int main(int argc, char **argv)
{
	struct studio s;
	int failed = begin(&s, argc, argv);
	if (failed != 0)
		exit(failed < 0 ? 1 : failed);
	for (long n = 0, frames = argc > 5 ? atol(argv[5]) : 1000000; n < frames; n++) {
		draw(&s, n);
		if (show(&s) < 0) {
			perror("studio: display");
			exit(1);
		}
		if (n % s.rate == 0) {
			char host[65];
			gethostname(host, sizeof host);
			printf("frame %ld, made on %s\n", n, host);
			fflush(stdout);
		}
		keep_time(&s);
		pmig_safepoint();
	}
	free(s.frame);
	return 0;
}
