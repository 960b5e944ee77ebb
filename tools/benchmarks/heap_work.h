/* heap_work: the work loads of the heap benchmark. Included once for each allocator with WORK(name), WORK_MALLOC and
 * WORK_FREE defined, so that the calls are direct ones. */

/* Binary trees, after Boehm and Demetriou: build and walk many short-lived trees beside one that lives. */
struct WORK(node) {
	struct WORK(node) * left, *right;
};

static struct WORK(node) * WORK(build)(unsigned depth)
{
	struct WORK(node) *n = WORK_MALLOC(sizeof *n);
	n->left = depth > 0 ? WORK(build)(depth - 1) : NULL;
	n->right = depth > 0 ? WORK(build)(depth - 1) : NULL;
	return n;
}

static uint64_t WORK(drop)(struct WORK(node) * n)
{
	if (n == NULL)
		return 0;
	uint64_t count = 1 + WORK(drop)(n->left) + WORK(drop)(n->right);
	WORK_FREE(n);
	return count;
}

static uint64_t WORK(trees)(unsigned seed)
{
	const unsigned deepest = 16, rounds = 60;
	struct WORK(node) *lasting = WORK(build)(deepest);
	uint64_t count = seed;
	for (unsigned depth = 4; depth <= deepest; depth += 4)
		for (unsigned i = 0; i < rounds << (deepest - depth); i++)
			count += WORK(drop)(WORK(build)(depth));
	return count + WORK(drop)(lasting);
}

/* Larson and Krishnan: Memory Allocation for Long-Running Server Applications, 1998: each thread replaces random blocks
 * of random size, and hands its blocks on to its successor, which frees what others allocated. */
static void WORK(fill)(struct larson *l)
{
	for (unsigned i = 0; i < LARSON_BLOCKS; i++) {
		l->blocks[i] = WORK_MALLOC(8 + larson_random(l) % 1000);
		*l->blocks[i] = 1;
	}
}

static void WORK(replace)(struct larson *l)
{
	for (unsigned i = 0; i < LARSON_STEPS; i++) {
		char **b = &l->blocks[larson_random(l) % LARSON_BLOCKS];
		WORK_FREE(*b);
		*b = WORK_MALLOC(8 + larson_random(l) % 1000);
		**b = 1;
	}
}

static void *WORK(successor)(void *context)
{
	WORK(replace)(context);
	return NULL;
}

static uint64_t WORK(larson)(unsigned seed)
{
	struct larson *l = &larsons[seed];
	l->random = seed + 1;
	WORK(fill)(l);
	for (unsigned i = 0; i < LARSON_GENERATIONS; i++) {
		pthread_t t;
		if (pthread_create(&t, NULL, WORK(successor), l) != 0 || pthread_join(t, NULL) != 0)
			abort();
	}
	for (unsigned i = 0; i < LARSON_BLOCKS; i++)
		WORK_FREE(l->blocks[i]);
	return l->random;
}
