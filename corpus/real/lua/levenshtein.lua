-- levenshtein.lua - corpus/real/levenshtein.ore, `unrelated`, for LuaJIT.
local ffi, bit = require("ffi"), require("bit")
local MOST = 400
local row = ffi.new("int32_t[?]", MOST + 1)
local left = ffi.new("uint8_t[?]", MOST)
local right = ffi.new("uint8_t[?]", MOST)
local min = math.min

local function distance(a, n, b, m)
  for j = 0, m do row[j] = j end
  for i = 0, n - 1 do
    local diagonal = row[0]
    row[0] = i + 1
    for j = 0, m - 1 do
      local above = row[j + 1]
      local changed = diagonal + (a[i] == b[j] and 0 or 1)
      row[j + 1] = min(changed, min(above, row[j]) + 1)
      diagonal = above
    end
  end
  return row[m]
end

local function unrelated(n, m)
  assert(n <= MOST and m <= MOST)
  local x = 7
  for i = 0, n - 1 do
    x = (x * 75 + 74) % 65537
    left[i] = 97 + bit.band(x, 3)
  end
  for i = 0, m - 1 do
    x = (x * 75 + 74) % 65537
    right[i] = 97 + bit.band(x, 3)
  end
  return distance(left, n, right, m)
end

return { call = unrelated, result = "i32" }
