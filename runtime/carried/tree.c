/* tree: tsearch() and its kind as an AVL tree in the program's heap (libc's nodes would not travel). Adelson-Velsky,
 * Landis: An algorithm for the organization of information, 1962. */
#include <search.h>
#include <stddef.h>
#include <stdlib.h>

typedef int comparison(const void *, const void *);

void *pmig_tsearch(const void *key, void **root, comparison *compare);
void *pmig_tfind(const void *key, void *const *root, comparison *compare);
void *pmig_tdelete(const void *key, void **root, comparison *compare);
void pmig_twalk(const void *root, void (*action)(const void *, VISIT, int));
void pmig_twalk_r(const void *root, void (*action)(const void *, VISIT, void *), void *context);
void pmig_tdestroy(void *root, void (*release)(void *));

struct node {
	const void *key; /* first: who gets a node reads it as a pointer to the key */
	struct node *child[2];
	int height;
};

static int height(const struct node *n)
{
	return n != NULL ? n->height : 0;
}

static void update(struct node *n)
{
	int a = height(n->child[0]), b = height(n->child[1]);
	n->height = (a > b ? a : b) + 1;
}

/* The child at `side` comes up. */
static struct node *rotate(struct node *n, int side)
{
	struct node *up = n->child[side];
	n->child[side] = up->child[!side];
	up->child[!side] = n;
	update(n);
	update(up);
	return up;
}

static struct node *balance(struct node *n)
{
	update(n);
	int lean = height(n->child[1]) - height(n->child[0]);
	if (lean >= -1 && lean <= 1)
		return n;
	int side = lean > 0;
	struct node *heavy = n->child[side];
	if (height(heavy->child[!side]) > height(heavy->child[side]))
		n->child[side] = rotate(heavy, !side);
	return rotate(n, side);
}

static struct node *add(struct node *n, const void *key, comparison *compare, struct node **ret_found)
{
	if (n == NULL) {
		struct node *fresh = calloc(1, sizeof *fresh);
		if (fresh != NULL) {
			fresh->key = key;
			fresh->height = 1;
		}
		return *ret_found = fresh;
	}
	int r = compare(key, n->key);
	if (r == 0) {
		*ret_found = n;
		return n;
	}
	n->child[r > 0] = add(n->child[r > 0], key, compare, ret_found);
	return balance(n);
}

void *pmig_tsearch(const void *key, void **root, comparison *compare)
{
	struct node *found = NULL;
	if (root == NULL)
		return NULL;
	*root = add(*root, key, compare, &found);
	return found;
}

void *pmig_tfind(const void *key, void *const *root, comparison *compare)
{
	const struct node *n = root != NULL ? *root : NULL;
	while (n != NULL) {
		int r = compare(key, n->key);
		if (r == 0)
			break;
		n = n->child[r > 0];
	}
	return (void *)n;
}

static struct node *take_first(struct node *n, struct node **ret_first)
{
	if (n->child[0] == NULL) {
		*ret_first = n;
		return n->child[1];
	}
	n->child[0] = take_first(n->child[0], ret_first);
	return balance(n);
}

/* *ret_parent: of the removed node, or any other node where it was the root, as tdelete(3) has it. */
static struct node *take(struct node *n, const void *key, comparison *compare, struct node *parent, struct node **ret_parent)
{
	if (n == NULL)
		return NULL;
	int r = compare(key, n->key);
	if (r != 0) {
		n->child[r > 0] = take(n->child[r > 0], key, compare, n, ret_parent);
		return *ret_parent != NULL ? balance(n) : n;
	}
	*ret_parent = parent;
	struct node *rest = n->child[0];
	if (n->child[1] != NULL) {
		struct node *next;
		struct node *right = take_first(n->child[1], &next);
		next->child[0] = n->child[0];
		next->child[1] = right;
		rest = balance(next);
	}
	free(n);
	return rest;
}

void *pmig_tdelete(const void *key, void **root, comparison *compare)
{
	static struct node of_root; /* what stands for the parent of the root: not NULL */
	struct node *parent = NULL;
	if (root == NULL)
		return NULL;
	*root = take(*root, key, compare, &of_root, &parent);
	return parent;
}

static void walk(const struct node *n, void (*action)(const void *, VISIT, int), int level)
{
	if (n->child[0] == NULL && n->child[1] == NULL) {
		action(n, leaf, level);
		return;
	}
	action(n, preorder, level);
	if (n->child[0] != NULL)
		walk(n->child[0], action, level + 1);
	action(n, postorder, level);
	if (n->child[1] != NULL)
		walk(n->child[1], action, level + 1);
	action(n, endorder, level);
}

void pmig_twalk(const void *root, void (*action)(const void *, VISIT, int))
{
	if (root != NULL && action != NULL)
		walk(root, action, 0);
}

static void walk_r(const struct node *n, void (*action)(const void *, VISIT, void *), void *context)
{
	if (n->child[0] == NULL && n->child[1] == NULL) {
		action(n, leaf, context);
		return;
	}
	action(n, preorder, context);
	if (n->child[0] != NULL)
		walk_r(n->child[0], action, context);
	action(n, postorder, context);
	if (n->child[1] != NULL)
		walk_r(n->child[1], action, context);
	action(n, endorder, context);
}

void pmig_twalk_r(const void *root, void (*action)(const void *, VISIT, void *), void *context)
{
	if (root != NULL && action != NULL)
		walk_r(root, action, context);
}

void pmig_tdestroy(void *root, void (*release)(void *))
{
	struct node *n = root;
	if (n == NULL)
		return;
	pmig_tdestroy(n->child[0], release);
	pmig_tdestroy(n->child[1], release);
	release((void *)n->key);
	free(n);
}
