-- fannkuch.lua - corpus/real/fannkuch.ore, `checksum`, for LuaJIT.
local ffi = require("ffi")
local permutation = ffi.new("int32_t[12]")
local scratch = ffi.new("int32_t[12]")
local counters = ffi.new("int32_t[12]")

local function reversals(n)
  for i = 0, n - 1 do scratch[i] = permutation[i] end
  local count = 0
  while scratch[0] ~= 0 do
    local i, j = 0, scratch[0]
    while i < j do
      scratch[i], scratch[j] = scratch[j], scratch[i]
      i = i + 1
      j = j - 1
    end
    count = count + 1
  end
  return count
end

local function step(n)
  for i = 1, n - 1 do
    local first = permutation[0]
    for k = 0, i - 1 do permutation[k] = permutation[k + 1] end
    permutation[i] = first
    counters[i] = counters[i] + 1
    if counters[i] <= i then return true end
    counters[i] = 0
  end
  return false
end

local function checksum(n)
  assert(n >= 1 and n <= 12)
  local sum, most, sign = 0, 0, 1
  for i = 0, n - 1 do
    permutation[i] = i
    counters[i] = 0
  end
  repeat
    local count = reversals(n)
    sum = sum + sign * count
    most = math.max(most, count)
    sign = -sign
  until not step(n)
  return sum
end

return { call = checksum, result = "i32" }
