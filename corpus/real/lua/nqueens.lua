-- nqueens.lua - corpus/real/nqueens.ore, `main`, for LuaJIT.
local ffi = require("ffi")
local columns = ffi.new("bool[32]")
local falling = ffi.new("bool[64]")
local rising = ffi.new("bool[64]")

local function place(row, n)
  if row == n then return 1 end
  local ways = 0
  for column = 0, n - 1 do
    local down, up = row - column + n, row + column
    if not (columns[column] or falling[down] or rising[up]) then
      columns[column], falling[down], rising[up] = true, true, true
      ways = ways + place(row + 1, n)
      columns[column], falling[down], rising[up] = false, false, false
    end
  end
  return ways
end

local function main(n)
  assert(n <= 32)
  return place(0, n)
end

return { call = main, result = "i32" }
