-- collatz.lua - corpus/real/collatz.ore, `longest_below`, for LuaJIT. Numbers of sequences that start below 2^31 may be
-- too large for 32 bits, but here not for the 53 of a double, in which halving and 3 n + 1 are exact.
local function steps(start)
  local n, count = start, 0
  while n ~= 1 do
    n = n % 2 == 0 and n / 2 or 3 * n + 1
    count = count + 1
  end
  return count
end

local function longest_below(n)
  local best, most = 1, 0
  for start = 1, n - 1 do
    local count = steps(start)
    if count > most then
      most = count
      best = start
    end
  end
  return best
end

return { call = longest_below, result = "i32" }
