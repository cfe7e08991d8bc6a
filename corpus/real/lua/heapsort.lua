-- heapsort.lua - corpus/real/heapsort.ore, `median`, for LuaJIT.
local ffi, bit = require("ffi"), require("bit")
local bxor, lshift, rshift = bit.bxor, bit.lshift, bit.rshift
local MOST = 20000
local values = ffi.new("double[?]", MOST)

local function generate(n)
  assert(n >= 1 and n <= MOST)
  local x = 88172645463325252ULL
  for i = 0, n - 1 do
    x = bxor(x, lshift(x, 13))
    x = bxor(x, rshift(x, 7))
    x = bxor(x, lshift(x, 17))
    values[i] = tonumber(rshift(x, 11)) / 9007199254740992.0
  end
end

local function sink(v, start, last)
  local root = start
  local sunk = v[root]
  while 2 * root + 1 < last do
    local child = 2 * root + 1
    if child + 1 < last and v[child] < v[child + 1] then child = child + 1 end
    if not (sunk < v[child]) then break end
    v[root] = v[child]
    root = child
  end
  v[root] = sunk
end

local function sort(v, n)
  for i = math.floor(n / 2) - 1, 0, -1 do sink(v, i, n) end
  for last = n - 1, 1, -1 do
    v[0], v[last] = v[last], v[0]
    sink(v, 0, last)
  end
end

local function median(n)
  generate(n)
  sort(values, n)
  return values[math.floor(n / 2)]
end

return { call = median, result = "f64" }
