/* poll_calls: functions in the order of the call graph, callees first, so that what a call costs is known.
 *
 * A call through a pointer enters any function of its type whose address is taken. */
#include "poll.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum state { UNKNOWN, DECIDING, DECIDED };

struct node {
	enum state state;
	struct poll_span span;
	bool at_entry;         /* it is called, in a cycle, by a function that gets no polls */
	LLVMValueRef function; /* NULL: all of `type` whose address is taken */
	LLVMTypeRef type;
};

struct poll_calls {
	struct work *w;
	struct map numbers; /* functions, and types of functions */
	struct node *nodes;
	size_t count, capacity;
};

static const struct poll_span unknown = {POLL_PASSING, POLL_PASSING, POLL_PASSING};
static const struct poll_span outside = {POLL_CALL, POLL_CALL, POLL_NONE};

/* The runtime's own functions that are compiled into the program count as the C library's do: they have the safe points that their
 * authors wrote. So do entries of variadic functions, which cannot be carried. */
static bool is_runtime(LLVMValueRef f)
{
	return (strncmp(work_name(f), "pmig_", 5) == 0 && strcmp(work_name(f), "pmig_main") != 0) ||
		LLVMGetStringAttributeAtIndex(f, LLVMAttributeFunctionIndex, VARIADIC_ENTRY, sizeof VARIADIC_ENTRY - 1) !=
		NULL;
}

static size_t number(struct poll_calls *c, LLVMValueRef function, LLVMTypeRef type)
{
	const void *key = function != NULL ? (const void *)function : (const void *)type;
	uint32_t n = map_get(&c->numbers, key);
	if (n != MAP_NONE)
		return n;
	c->nodes = map_grow(c->nodes, &c->capacity, c->count, sizeof *c->nodes);
	c->nodes[c->count] = (struct node){.function = function, .type = type, .span = unknown};
	map_put(&c->numbers, key, (uint32_t)c->count);
	return c->count++;
}

static bool is_defined_call(LLVMValueRef call)
{
	return work_is_call(call) && (work_callee(call) == NULL || !LLVMIsDeclaration(work_callee(call)));
}

static size_t number_of_callee(struct poll_calls *c, LLVMValueRef call)
{
	LLVMValueRef callee = work_callee(call);
	return number(c, callee, callee != NULL ? NULL : LLVMGetCalledFunctionType(call));
}

static bool may_be_called_as(LLVMValueRef f, LLVMTypeRef type)
{
	return !LLVMIsDeclaration(f) && LLVMGlobalGetValueType(f) == type && reach_address_taken(f);
}

/* A cycle through a function that gets no polls: the next one in it has one at its entry. */
static void want_entry(struct poll_calls *c, size_t node)
{
	c->nodes[node].at_entry = true;
	if (c->nodes[node].function != NULL)
		return;
	for (size_t i = 0; i < c->count; i++)
		if (c->nodes[i].state == DECIDING && c->nodes[i].function != NULL &&
			may_be_called_as(c->nodes[i].function, c->nodes[node].type))
			c->nodes[i].at_entry = true;
}

static void decide(struct poll_calls *c, size_t node);

static void decide_callees(struct poll_calls *c, LLVMValueRef f)
{
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i)) {
			if (!is_defined_call(i))
				continue;
			size_t to = number_of_callee(c, i);
			if (c->nodes[to].state == UNKNOWN)
				decide(c, to);
			else if (c->nodes[to].state == DECIDING && is_runtime(f))
				want_entry(c, to);
		}
}

static struct poll_span decide_type(struct poll_calls *c, LLVMTypeRef type)
{
	struct poll_span all = outside;
	for (LLVMValueRef f = LLVMGetFirstFunction(c->w->module); f != NULL; f = LLVMGetNextFunction(f)) {
		if (!may_be_called_as(f, type))
			continue;
		size_t to = number(c, f, NULL);
		if (c->nodes[to].state == UNKNOWN)
			decide(c, to);
		const struct poll_span *s = &c->nodes[to].span;
		all.first = s->first > all.first ? s->first : all.first;
		all.through = s->through > all.through ? s->through : all.through;
		all.last = s->last > all.last ? s->last : all.last;
	}
	return all;
}

static void decide(struct poll_calls *c, size_t node)
{
	struct poll_span span;
	LLVMValueRef f = c->nodes[node].function;
	c->nodes[node].state = DECIDING;
	if (f == NULL) {
		span = decide_type(c, c->nodes[node].type);
	} else {
		decide_callees(c, f);
		span = is_runtime(f) ? outside : poll_plan(c->w, c, f, c->nodes[node].at_entry);
	}
	c->nodes[node].span = span;
	c->nodes[node].state = DECIDED;
}

struct poll_callee poll_calls_span(struct poll_calls *c, LLVMValueRef call)
{
	if (!is_defined_call(call))
		return (struct poll_callee){.span = outside, .far = true};
	size_t n = number_of_callee(c, call);
	LLVMValueRef f = c->nodes[n].function;
	return (struct poll_callee){
		.span = c->nodes[n].span, .recursive = c->nodes[n].state == DECIDING, .far = f == NULL || is_runtime(f)};
}

void poll_place(struct work *w)
{
	struct poll_calls c = {.w = w};
	w->placed = true;
	if (w->options->safepoints != INSTRUMENT_AUTO)
		return;
	for (LLVMValueRef f = LLVMGetFirstFunction(w->module); f != NULL; f = LLVMGetNextFunction(f)) {
		if (LLVMIsDeclaration(f))
			continue;
		size_t n = number(&c, f, NULL);
		assert(c.nodes != NULL);
		if (c.nodes[n].state == UNKNOWN)
			decide(&c, n);
	}
	map_finish(&c.numbers);
	free(c.nodes);
}
