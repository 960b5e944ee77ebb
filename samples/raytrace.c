/* raytrace: renders spheres over a chequered floor row by row, then writes a PNG with libpng.
 *
 *   pmig-cc -O2 raytrace.c -lpng -lm -o raytrace
 *   pmig run -- ./raytrace OUT.png [WIDTH HEIGHT]
 *
 * A target has no libpng: it is sent along. The picture lies on the heap while the program moves. At the end the file is
 * read back and compared with the picture. Method: Whitted, An improved illumination model for shaded display, CACM
 * 23(6), 1980. */
#include <pmig/pmig.h>

#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 6

struct vector {
	double x, y, z;
};

struct sphere {
	struct vector centre, colour;
	double radius, mirror;
};

static struct sphere *spheres;
static int spheres_count;
static const struct vector light = {-4, 7, -5};

static struct vector add(struct vector a, struct vector b)
{
	return (struct vector){a.x + b.x, a.y + b.y, a.z + b.z};
}

static struct vector scale(struct vector a, double f)
{
	return (struct vector){a.x * f, a.y * f, a.z * f};
}

static double dot(struct vector a, struct vector b)
{
	return a.x * b.x + a.y * b.y + a.z * b.z;
}

static struct vector unit(struct vector a)
{
	return scale(a, 1 / sqrt(dot(a, a)));
}

/* How far the ray goes until it meets `s`; 0: never. */
static double distance_to(const struct sphere *s, struct vector from, struct vector direction)
{
	struct vector to = add(from, scale(s->centre, -1));
	double b = dot(to, direction), c = dot(to, to) - s->radius * s->radius, d = b * b - c;
	if (d < 0)
		return 0;
	double t = -b - sqrt(d);
	return t > 1e-6 ? t : 0;
}

static const struct sphere *nearest(struct vector from, struct vector direction, double *ret_distance)
{
	const struct sphere *found = NULL;
	double best = 1e30;
	for (int i = 0; i < spheres_count; i++) {
		double t = distance_to(&spheres[i], from, direction);
		if (t > 0 && t < best) {
			best = t;
			found = &spheres[i];
		}
	}
	*ret_distance = best;
	return found;
}

static struct vector trace(struct vector from, struct vector direction, int depth);

static struct vector shade(struct vector at, struct vector normal, struct vector colour, double mirror,
	struct vector direction, int depth)
{
	struct vector to_light = unit(add(light, scale(at, -1)));
	double blocked, brightness = 0.15;
	if (nearest(at, to_light, &blocked) == NULL && dot(normal, to_light) > 0)
		brightness += 0.85 * dot(normal, to_light);
	struct vector result = scale(colour, brightness * (1 - mirror));
	if (mirror > 0 && depth < DEPTH_MAX) {
		struct vector reflected = add(direction, scale(normal, -2 * dot(normal, direction)));
		result = add(result, scale(trace(at, reflected, depth + 1), mirror));
	}
	return result;
}

static struct vector trace(struct vector from, struct vector direction, int depth)
{
	double t;
	const struct sphere *s = nearest(from, direction, &t);
	if (s != NULL) {
		struct vector at = add(from, scale(direction, t));
		return shade(at, unit(add(at, scale(s->centre, -1))), s->colour, s->mirror, direction, depth);
	}
	if (direction.y < -1e-6) {
		struct vector at = add(from, scale(direction, -(from.y + 1) / direction.y));
		int dark = ((int)floor(at.x) + (int)floor(at.z)) & 1;
		struct vector colour = dark ? (struct vector){0.2, 0.2, 0.25} : (struct vector){0.9, 0.9, 0.85};
		return shade(at, (struct vector){0, 1, 0}, colour, 0.1, direction, depth);
	}
	return scale((struct vector){0.5, 0.7, 1.0}, 0.6 + 0.4 * direction.y);
}

static unsigned char channel(double v)
{
	return (unsigned char)(255 * (v < 0 ? 0 : v > 1 ? 1 : sqrt(v)));
}

static void render_row(unsigned char *row, int y, int width, int height)
{
	struct vector eye = {0, 1, -6};
	for (int x = 0; x < width; x++) {
		struct vector direction = unit((struct vector){
			(x - width / 2.0) / height, (height / 2.0 - y) / height, 1.2});
		struct vector c = trace(eye, direction, 0);
		row[3 * x] = channel(c.x);
		row[3 * x + 1] = channel(c.y);
		row[3 * x + 2] = channel(c.z);
	}
}

static void make_scene(void)
{
	spheres_count = 12;
	spheres = calloc((size_t)spheres_count, sizeof *spheres);
	if (spheres == NULL)
		exit(1);
	for (int i = 0; i < spheres_count; i++)
		spheres[i] = (struct sphere){.centre = {3 * cos(i * 0.55), -0.4 + 0.25 * (i % 4), 1 + 3 * sin(i * 0.55)},
			.colour = {0.3 + 0.05 * i, 0.9 - 0.06 * i, 0.4 + 0.04 * (i % 7)},
			.radius = 0.6,
			.mirror = i % 3 * 0.3};
}

static int write_picture(const char *path, const unsigned char *pixels, unsigned width, unsigned height)
{
	png_image image = {.version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = PNG_FORMAT_RGB};
	if (png_image_write_to_file(&image, path, 0, pixels, 0, NULL) != 0)
		return 0;
	fprintf(stderr, "raytrace: %s: %s\n", path, image.message);
	return -1;
}

/* Is the file what the picture is? */
static int compare_picture(const char *path, const unsigned char *pixels, size_t size)
{
	png_image image = {.version = PNG_IMAGE_VERSION};
	unsigned char *read = malloc(size);
	int equal = read != NULL && png_image_begin_read_from_file(&image, path) != 0;
	image.format = PNG_FORMAT_RGB;
	equal = equal && PNG_IMAGE_SIZE(image) == size && png_image_finish_read(&image, NULL, read, 0, NULL) != 0 &&
		memcmp(read, pixels, size) == 0;
	png_image_free(&image);
	free(read);
	return equal;
}

int main(int argc, char **argv)
{
	int width = argc > 3 ? atoi(argv[2]) : 640, height = argc > 3 ? atoi(argv[3]) : 480;
	if (argc < 2 || width < 1 || height < 1 || width > 20000 || height > 20000) {
		fputs("usage: raytrace OUT.png [WIDTH HEIGHT]\n", stderr);
		return 2;
	}
	make_scene();
	size_t row = 3 * (size_t)width;
	unsigned char *pixels = malloc(row * (size_t)height);
	if (pixels == NULL) {
		fputs("raytrace: not enough memory\n", stderr);
		return 1;
	}
	for (int y = 0; y < height; y++) {
		render_row(pixels + row * (size_t)y, y, width, height);
		if (y % 16 == 15) {
			printf("row %d of %d\n", y + 1, height);
			fflush(stdout);
		}
		pmig_safepoint();
	}
	if (write_picture(argv[1], pixels, (unsigned)width, (unsigned)height) != 0)
		return 1;
	int equal = compare_picture(argv[1], pixels, row * (size_t)height);
	printf("%s: %d x %d, %s\n", argv[1], width, height, equal ? "as rendered" : "WRONG");
	free(pixels);
	free(spheres);
	return equal ? 0 : 1;
}
