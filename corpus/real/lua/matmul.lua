-- matmul.lua - corpus/real/matmul.ore, `trace_f64`, for LuaJIT.
local ffi, bit = require("ffi"), require("bit")
local MOST = 96
local a = ffi.new("double[?]", MOST * MOST)
local b = ffi.new("double[?]", MOST * MOST)
local c = ffi.new("double[?]", MOST * MOST)

local function trace(n)
  assert(n >= 0 and n <= MOST)
  for i = 0, n - 1 do
    for j = 0, n - 1 do
      a[i * n + j] = (i * 3 + j) / 7
      b[i * n + j] = (bit.bxor(i, j) - 2) / 11
      c[i * n + j] = 0
    end
  end
  for i = 0, n - 1 do
    for k = 0, n - 1 do
      local factor = a[i * n + k]
      for j = 0, n - 1 do c[i * n + j] = c[i * n + j] + factor * b[k * n + j] end
    end
  end
  local sum = 0.0
  for i = 0, n - 1 do sum = sum + c[i * n + i] end
  return sum
end

return { call = trace, result = "f64" }
