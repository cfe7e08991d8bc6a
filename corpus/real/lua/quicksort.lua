-- quicksort.lua - corpus/real/quicksort.ore, `checksum`, for LuaJIT.
local ffi, bit = require("ffi"), require("bit")
local MOST = 20000
local words = ffi.new("int32_t[?]", MOST)

local function generate(n)
  assert(n <= MOST)
  local x = 42
  for i = 0, n - 1 do
    x = bit.tobit((x + 0LL) * 1664525LL + 1013904223LL)
    words[i] = x
  end
end

local function sort(v, low, high)
  if low >= high then return end
  local pivot = v[low + math.floor((high - low) / 2)]
  local i, j = low, high
  while i <= j do
    while v[i] < pivot do i = i + 1 end
    while v[j] > pivot do j = j - 1 end
    if i > j then break end
    v[i], v[j] = v[j], v[i]
    i = i + 1
    j = j - 1
  end
  sort(v, low, j)
  sort(v, i, high)
end

local function checksum(n)
  generate(n)
  sort(words, 0, n - 1)
  local sum = 0LL
  for i = 0, n - 1 do sum = sum + (words[i] + 0LL) * (i + 0LL) end
  return sum
end

return { call = checksum, result = "i64" }
