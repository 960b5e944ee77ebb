-- A run so short that it can be stopped at every safe point of it: an error caught, one that passes through C, a coroutine.
print(pcall(error, "caught"))
print(select(2, pcall(string.gsub, "ab", ".", function(c) if c == "b" then error("through C", 0) end end)))
local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) error("in a coroutine " .. b, 0) end)
print(co(1), pcall(co, 2))
