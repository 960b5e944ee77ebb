-- What a Lua must do, seen by itself: each part asserts, and adds what it found to one sum that is printed. Errors are raised and
-- caught at every boundary between Lua and C that the language has, since each is a setjmp and a longjmp of the interpreter.
--
--	lua suite.lua [ROUNDS]
local rounds = tonumber(arg and arg[1]) or 1
local sum = 0

-- The seed of string hashes differs from process to process: nothing here may depend on the order of pairs().
local function add(text)
	text = tostring(text)
	for i = 1, #text do
		sum = (sum * 31 + text:byte(i)) & 0xffffffff
	end
end

local parts = {}
local function part(name, f)
	parts[#parts + 1] = {name = name, run = f}
end

local function fails(pattern, f, ...)
	local ok, message = pcall(f, ...)
	assert(not ok, "no error where " .. pattern .. " was expected")
	assert(tostring(message):find(pattern), tostring(message) .. " does not match " .. pattern)
	add(message)
end

part("errors", function()
	fails("attempt to call", function() local x = 1; x() end)
	fails("attempt to index", function() local t; return t.x end)
	fails("attempt to perform arithmetic", function() return {} + 1 end)
	fails("attempt to compare", function() return {} < 1 end)
	fails("attempt to concatenate", function() return "a" .. {} end)
	fails("number has no integer", function() return 1.5 | 1 end)
	fails("bad argument #1 to '.*char'", string.char, -1)
	fails("invalid order function", table.sort, {3, 1, 2, 5, 4, 9, 8, 7, 6, 3, 1, 2, 5, 4}, function() return true end)
	fails("stack overflow", function() local function f() return 1 + f() end return f() end)
	fails("error in error handling", function() return select(2, error(setmetatable({}, {__tostring = function() return "error in error handling" end}))) end)
	local object = {}
	local ok, same = pcall(error, object)
	assert(not ok and same == object)
	-- Nested: each level catches, changes and raises again.
	local function nest(depth)
		if depth == 0 then error("bottom", 0) end
		local fine, message = pcall(nest, depth - 1)
		assert(not fine)
		error(message .. "." .. depth, 0)
	end
	local fine, message = pcall(nest, 60)
	assert(not fine and message:find("^bottom%.1%.2%.3") and message:find("%.60$"))
	add(message)
	local handled = select(2, xpcall(function() local t = nil; t.x = 1 end, function(m) return "handled: " .. m:gsub("^.-:%d+: ", "") end))
	add(handled)
	assert(select("#", pcall(function(...) return ... end, 1, nil, 3, nil)) == 5)
end)

part("errors through C", function()
	-- sort, gsub, load, tostring, require and metamethods call back; errors pass through all of them.
	fails("in sort", table.sort, {5, 4, 3, 2, 1}, function() error("in sort") end)
	fails("in gsub", string.gsub, "abc", ".", function(c) if c == "b" then error("in gsub") end end)
	fails("in load", function() assert(load(function() error("in load") end)) end)
	fails("in index", function() return setmetatable({}, {__index = function() error("in index") end}).x end)
	fails("in close", function() local x <close> = setmetatable({}, {__close = function() error("in close") end}) end)
	fails("in pairs", function() for _ in pairs(setmetatable({}, {__pairs = function() error("in pairs") end})) do end end)
	local order = {}
	local function closing(n) return setmetatable({}, {__close = function(_, e) order[#order + 1] = n .. tostring(e and "!" or "") end}) end
	pcall(function()
		local a <close> = closing("a")
		local b <close> = closing("b")
		do local c <close> = closing("c") end
		error("out")
	end)
	assert(table.concat(order, " ") == "c b! a!")
end)

part("load", function()
	fails("unexpected symbol", function() assert(load("x = = 1")) end)
	fails("unfinished string", function() assert(load("x = 'a")) end)
	fails("near <eof>", function() assert(load("for i = 1, 2 do")) end)
	fails("too many", function() assert(load("local " .. ("a,"):rep(250) .. "b = 1")) end)
	local f = assert(load("local a, b = ... return a * b, _ENV", "chunk", "t", {}))
	assert(f(6, 7) == 42)
	local again = assert(load(string.dump(f), "binary", "b"))
	assert(again(6, 7) == 42)
	for i = 1, 20 do add(assert(load("return " .. i .. " * " .. i))()) end
	local depth = ("("):rep(150) .. "1" .. (")"):rep(150)
	add(assert(load("return " .. depth))())
	fails("overflow", function() assert(load("return " .. ("("):rep(300) .. "1" .. (")"):rep(300))) end)
end)

part("coroutines", function()
	local function generator(n)
		return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end return "end" end)
	end
	local g, total = generator(50), 0
	for _ = 1, 50 do total = total + g() end
	assert(total == 1275 and g() == "end")
	fails("cannot resume dead", g)
	-- Yields across pcall, metamethods, iterators and table.sort's refusal.
	local co = coroutine.create(function(a)
		local ok, b = pcall(function() local c = coroutine.yield(a + 1); error("e" .. c, 0) end)
		local t = setmetatable({}, {__add = function(_, y) return coroutine.yield(y) end, __index = function(_, k) return coroutine.yield(k) end})
		local sum1 = t + 5
		local value = t.key
		for k in (function() return coroutine.yield("next") end) do b = b .. k break end
		return ok, b, sum1, value
	end)
	local log = {}
	local values = {1, 2, 3, 4, 5, 6}
	for _, v in ipairs(values) do
		if coroutine.status(co) == "dead" then break end
		local r = table.pack(coroutine.resume(co, v))
		for i = 1, r.n do log[#log + 1] = tostring(r[i]) end
	end
	add(table.concat(log, ","))
	fails("attempt to yield across a C%-call boundary", coroutine.wrap(function() table.sort({3, 2, 1}, coroutine.yield) end))
	fails("attempt to yield from outside", coroutine.yield)
	-- An error in a coroutine within coroutines.
	local function deep(n)
		if n == 0 then error({level = 0}) end
		local c = coroutine.create(deep)
		local ok, e = coroutine.resume(c, n - 1)
		assert(not ok and coroutine.close(c) == false or true)
		e.level = e.level + 1
		error(e)
	end
	local ok, e = pcall(deep, 30)
	assert(not ok and e.level == 30)
	-- Producer, filter, consumer.
	local function filter(source) return coroutine.wrap(function() for v in source do if v % 3 == 0 then coroutine.yield(v) end end end) end
	local seen = {}
	for v in filter(filter(coroutine.wrap(function() for i = 1, 90 do coroutine.yield(i) end end))) do seen[#seen + 1] = v end
	assert(#seen == 30)
	add(table.concat(seen, ","))
end)

part("collector", function()
	local finalized = 0
	for _ = 1, 200 do setmetatable({("x"):rep(100)}, {__gc = function() finalized = finalized + 1 end}) end
	collectgarbage()
	collectgarbage()
	assert(finalized == 200, finalized)
	local weak = setmetatable({}, {__mode = "k"})
	local kept = {}
	weak[kept] = 1
	weak[{}] = 2
	collectgarbage()
	local n = 0
	for _ in pairs(weak) do n = n + 1 end
	assert(n == 1)
	for _, mode in ipairs {"generational", "incremental"} do
		collectgarbage(mode)
		local list
		for i = 1, 2000 do list = {next = list, value = i} end
		local length = 0
		while list do length, list = length + list.value, list.next end
		assert(length == 2001000)
	end
	-- A finalizer that fails is a warning, and another error goes its own way meanwhile.
	setmetatable({}, {__gc = function() error("in gc") end})
	fails("while collecting", function() collectgarbage() error("while collecting") end)
end)

part("strings", function()
	add(("%5.2f|%-8s|%08x|%q|%a|%i|%c|%g"):format(3.14159, "left", 48879, "a\n\"b\"\0c", 0.5, 42, 65, 1e100))
	add(("hello world from lua"):gsub("(%w+) (%w+)", "%2 %1"))
	add(("abc"):rep(10, ","))
	local packed = string.pack("<i4 >i8 z s2 d f B", -5, 1 << 40, "zero", "counted", 1.5, 0.25, 200)
	add(table.concat({string.unpack("<i4 >i8 z s2 d f B", packed)}, " "))
	fails("data string too short", string.unpack, "<i8", "abc")
	fails("malformed pattern", string.find, "a", "[a")
	fails("invalid capture index", string.gsub, "abc", "b", "%2")
	fails("pattern too complex", string.match, ("a"):rep(300000), (".-"):rep(300) .. "b")
	for k, v in ("a=1, b=2, c=3"):gmatch("(%w+)=(%w+)") do add(k .. v) end
	assert(("%bxy"):len() == 4 and ("f(a(b)c)d"):match("%b()") == "(a(b)c)")
	add(utf8.char(72, 228, 8364, 128512))
	for p, c in utf8.codes("hä€") do add(p .. ":" .. c) end
	add(tostring(1e15) .. tostring(2^53) .. tostring(-0.0) .. math.maxinteger // -1 .. 7 // -2 .. 7 % -3 .. -7.5 % 2)
	add(tostring(math.tointeger("8") or tonumber("0x1p4")) .. tostring(tonumber("zz", 36)))
	assert(tostring(print):find("^function: builtin") or tostring(print):find("^function: 0x"))
end)

part("tables", function()
	local t = {}
	for i = 1, 300 do t[i] = (i * 7919) % 1009 end
	table.sort(t)
	add(table.concat(t, " "))
	table.sort(t, function(a, b) return a > b end)
	add(t[1] .. t[300])
	table.move(t, 1, 100, 51)
	add(table.concat(t, "", 1, 60))
	local h = {}
	for i = 1, 500 do h["key" .. i] = i end
	for i = 1, 500, 3 do h["key" .. i] = nil end
	local n = 0
	for _, v in pairs(h) do n = n + v end
	add(n)
	add(select("#", table.unpack({}, 1, 200)))
	fails("too many results", table.unpack, {}, 1, 1e8)
	local class = {}
	class.__index = class
	class.__eq = function(a, b) return a.v == b.v end
	class.__lt = function(a, b) return a.v < b.v end
	class.__call = function(self, x) return self.v + x end
	class.__concat = function(a, b) return tostring(a.v or a) .. tostring(b.v or b) end
	class.__len = function() return 77 end
	local function new(v) return setmetatable({v = v}, class) end
	assert(new(1) == new(1) and new(1) < new(2) and new(5)(6) == 11 and new(1) .. "x" == "1x" and #new(0) == 77)
end)

part("control", function()
	local out = {}
	for i = 1, 10 do
		for j = 1, 10 do
			if j == 5 then goto continue end
			if i * j > 40 then goto done end
			out[#out + 1] = i * j
			::continue::
		end
	end
	::done::
	add(table.concat(out, ","))
	local closures = {}
	for i = 1, 20 do
		local n = i
		closures[i] = function(d) n = n + d return n end
	end
	for i = 1, 20 do closures[i](i) end
	local total = 0
	for i = 1, 20 do total = total + closures[i](0) end
	assert(total == 420)
	local function tail(n, a) if n == 0 then return a end return tail(n - 1, a + n) end
	add(tail(20000, 0))
	local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
	add(fib(18))
	debug.sethook(function() sum = (sum * 33 + 1) & 0xffffffff end, "", 1000)
	for _ = 1, 5000 do end
	debug.sethook()
	local where = debug.getinfo(1, "Sl")
	add(where.short_src:match("[^/]*$") .. where.currentline)
	add((debug.traceback("trace", 1):gsub("\t[^\n]*/", "\t")))
	fails("hooked", function()
		debug.sethook(function() debug.sethook() error("hooked") end, "l")
		local x = 1
		return x
	end)
end)

part("files", function()
	local name = os.tmpname()
	local f <close> = assert(io.open(name, "w+"))
	for i = 1, 100 do f:write(i, " line ", i * i, "\n") end
	f:seek("set")
	local n = 0
	for line in f:lines() do n = n + #line end
	add(n)
	f:seek("set", 10)
	add(f:read("n") or "nil")
	add(f:read("l"))
	add(f:read(20))
	add(#f:read("a"))
	assert(f:setvbuf("full", 64))
	f:seek("end")
	f:write("tail")
	assert(f:seek("cur") == f:seek("end"))
	for line in io.lines(name) do if line == "tail" then add(line) end end
	os.remove(name)
	fails("No such file", function() assert(io.open("/no/such/file")) end)
	add(os.date("!%Y-%m-%d", 86400 * 365))
	add(os.time {year = 2000, month = 1, day = 1, hour = 12} - os.time {year = 1999, month = 12, day = 31, hour = 12})
	assert(os.getenv("NO_SUCH_VARIABLE") == nil and os.clock() >= 0)
end)

for round = 1, rounds do
	for _, p in ipairs(parts) do
		p.run()
		print(("%2d %-18s %08x"):format(round, p.name, sum))
	end
end
