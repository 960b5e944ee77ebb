/* graph: dominators and loops of functions written down as LLVM's text. */
#include "instrument/graph.h"

#include <llvm-c/IRReader.h>
#include <setjmp.h> /* before cmocka.h */
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static LLVMContextRef context;
static LLVMModuleRef module;

static void read_graph(struct graph *g, const char *text)
{
	char *message = NULL;
	context = LLVMContextCreate();
	LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(text, strlen(text), "text");
	if (LLVMParseIRInContext(context, buffer, &module, &message))
		fail_msg("%s", message);
	graph_make(g, LLVMGetNamedFunction(module, "f"));
}

static void forget_graph(struct graph *g)
{
	graph_finish(g);
	LLVMDisposeModule(module);
	LLVMContextDispose(context);
}

static uint32_t block(const struct graph *g, const char *name)
{
	for (uint32_t b = 0; b < g->blocks_count; b++)
		if (strcmp(LLVMGetBasicBlockName(g->blocks[b].block), name) == 0)
			return b;
	return GRAPH_NONE;
}

static uint32_t loop_at(const struct graph *g, const char *name)
{
	return graph_loop_at(g, block(g, name));
}

static void test_straight(void **state)
{
	(void)state;
	struct graph g;
	read_graph(&g,
		"define void @f(i1 %c) {\n"
		"entry: br i1 %c, label %a, label %b\n"
		"a: br label %end\n"
		"b: br label %end\n"
		"end: ret void\n"
		"lost: br label %end\n}\n");
	assert_int_equal(g.blocks_count, 4); /* nothing reaches the fifth */
	assert_int_equal(g.loops_count, 0);
	assert_int_equal(g.blocks[block(&g, "end")].dominator, block(&g, "entry"));
	assert_int_equal(g.blocks[block(&g, "end")].before_count, 2);
	assert_false(graph_dominates(&g, block(&g, "a"), block(&g, "end")));
	assert_int_equal(graph_common_dominator(&g, block(&g, "a"), block(&g, "b")), block(&g, "entry"));
	forget_graph(&g);
}

/* Two loops in a third, one of them of a single block, and a way out of all of them. */
static void test_nested(void **state)
{
	(void)state;
	struct graph g;
	read_graph(&g,
		"define void @f(i1 %c, i1 %d) {\n"
		"entry: br label %outer\n"
		"outer: br label %self\n"
		"self: br i1 %c, label %self, label %inner\n"
		"inner: br i1 %c, label %body, label %latch\n"
		"body: br i1 %d, label %inner, label %out\n"
		"latch: br i1 %c, label %outer, label %out\n"
		"out: ret void\n}\n");
	assert_int_equal(g.loops_count, 3);
	uint32_t outer = loop_at(&g, "outer"), self = loop_at(&g, "self"), inner = loop_at(&g, "inner");
	assert_true(outer != GRAPH_NONE && self != GRAPH_NONE && inner != GRAPH_NONE);
	assert_true(self < outer && inner < outer);
	assert_int_equal(g.loops[self].outer, outer);
	assert_int_equal(g.loops[inner].outer, outer);
	assert_int_equal(g.loops[outer].outer, GRAPH_NONE);
	assert_true(g.loops[self].innermost && g.loops[inner].innermost && !g.loops[outer].innermost);
	assert_int_equal(g.loops[self].latches[0], block(&g, "self"));
	assert_int_equal(g.loops[inner].parts_count, 2);
	assert_int_equal(g.loops[outer].parts_count, 4); /* outer, latch, and the headers of the two */
	assert_int_equal(g.loops[inner].exits_count, 2);
	assert_int_equal(g.loops[outer].exits_count, 2);
	assert_int_equal(g.loops[outer].exits[0], block(&g, "out"));
	assert_true(graph_is_in(&g, outer, block(&g, "body")));
	assert_false(graph_is_in(&g, self, block(&g, "body")));
	assert_false(graph_is_in(&g, outer, block(&g, "out")));
	assert_true(graph_is_in(&g, GRAPH_NONE, block(&g, "out")));
	for (uint32_t b = 0; b < g.blocks_count; b++)
		for (uint32_t k = 0; k < g.blocks[b].next_count; k++)
			assert_false(graph_is_irregular(&g, b, g.blocks[b].next[k]));
	forget_graph(&g);
}

/* A loop with two ways in has no header; one edge of it is irregular. */
static void test_irregular(void **state)
{
	(void)state;
	struct graph g;
	unsigned found = 0;
	read_graph(&g,
		"define void @f(i1 %c) {\n"
		"entry: br i1 %c, label %a, label %b\n"
		"a: br label %b\n"
		"b: br i1 %c, label %a, label %end\n"
		"end: ret void\n}\n");
	assert_int_equal(g.loops_count, 0);
	for (uint32_t b = 0; b < g.blocks_count; b++)
		for (uint32_t k = 0; k < g.blocks[b].next_count; k++)
			found += graph_is_irregular(&g, b, g.blocks[b].next[k]);
	assert_int_equal(found, 1);
	forget_graph(&g);
}

/* Two jumps back to one header are one loop. */
static void test_two_latches(void **state)
{
	(void)state;
	struct graph g;
	read_graph(&g,
		"define void @f(i32 %c) {\n"
		"entry: br label %head\n"
		"head: switch i32 %c, label %end [i32 1, label %a\n i32 2, label %b\n i32 3, label %a]\n"
		"a: br label %head\n"
		"b: br label %head\n"
		"end: ret void\n}\n");
	assert_int_equal(g.loops_count, 1);
	assert_int_equal(g.loops[0].latches_count, 2);
	assert_int_equal(g.loops[0].parts_count, 3);
	assert_int_equal(g.blocks[block(&g, "head")].next_count, 3); /* each edge once */
	forget_graph(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_straight),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_irregular),
		cmocka_unit_test(test_two_latches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
