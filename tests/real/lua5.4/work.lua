-- Work for an interpreter, as benchmarks of languages have it; each piece prints its result, so that two runs can be compared.
--
--	lua work.lua [ROUNDS]
local rounds = tonumber(arg and arg[1]) or 1

local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end

local function trees(depth)
	local function make(d) if d == 0 then return {} end return {make(d - 1), make(d - 1)} end
	local function count(t) if not t[1] then return 1 end return 1 + count(t[1]) + count(t[2]) end
	return count(make(depth))
end

local function spectral(n)
	local function a(i, j) local ij = i + j - 1 return 1 / (ij * (ij - 1) * 0.5 + i) end
	local function times(x, y, transposed)
		for i = 1, n do
			local s = 0
			for j = 1, n do s = s + x[j] * (transposed and a(j, i) or a(i, j)) end
			y[i] = s
		end
	end
	local u, v, t = {}, {}, {}
	for i = 1, n do u[i] = 1 end
	for _ = 1, 5 do
		times(u, t, false) times(t, v, true)
		times(v, t, false) times(t, u, true)
	end
	local uv, vv = 0, 0
	for i = 1, n do uv, vv = uv + u[i] * v[i], vv + v[i] * v[i] end
	return ("%.9f"):format((uv / vv) ^ 0.5)
end

local function sieve(n)
	local composite, found = {}, 0
	for i = 2, n do
		if not composite[i] then
			found = found + 1
			for j = i * i, n, i do composite[j] = true end
		end
	end
	return found
end

local function words(n)
	local seen, list = {}, {}
	local x = 42
	for _ = 1, n do
		x = (x * 1103515245 + 12345) & 0x7fffffff
		local w = ("w%d"):format(x % 5000)
		if not seen[w] then list[#list + 1] = w end
		seen[w] = (seen[w] or 0) + 1
	end
	table.sort(list, function(a, b) return seen[a] > seen[b] or seen[a] == seen[b] and a < b end)
	return #list .. " " .. list[1] .. " " .. table.concat(list, " "):gsub("%d+", function(d) return #d end):len()
end

local function failing(n)
	local caught = 0
	for i = 1, n do
		local ok = pcall(function() if i % 3 == 0 then error("third") end return i end)
		if not ok then caught = caught + 1 end
	end
	return caught
end

local function switching(n)
	local total = 0
	for v in coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) do total = total + v end
	return total
end

for round = 1, rounds do
	print(round, "fib", fib(27))
	print(round, "trees", trees(15))
	print(round, "spectral", spectral(110))
	print(round, "sieve", sieve(400000))
	print(round, "words", words(60000))
	print(round, "failing", failing(150000))
	print(round, "switching", switching(150000))
end
