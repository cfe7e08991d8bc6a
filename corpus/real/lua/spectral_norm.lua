-- spectral_norm.lua - corpus/real/spectral_norm.ore, `main`, for LuaJIT.
local ffi = require("ffi")
local MOST = 1000
local u = ffi.new("double[?]", MOST)
local v = ffi.new("double[?]", MOST)
local between = ffi.new("double[?]", MOST)

local function entry(i, j) return 1 / ((i + j) * (i + j + 1) / 2 + i + 1) end -- the product is even
local function entry_transposed(i, j) return entry(j, i) end

local function multiply(n, from, to, a)
  for i = 0, n - 1 do
    local sum = 0.0
    for j = 0, n - 1 do sum = sum + a(i, j) * from[j] end
    to[i] = sum
  end
end

local function multiply_both(n, from, to)
  multiply(n, from, between, entry)
  multiply(n, between, to, entry_transposed)
end

local function main(n)
  assert(n <= MOST)
  for i = 0, n - 1 do u[i] = 1 end
  for _ = 1, 10 do
    multiply_both(n, u, v)
    multiply_both(n, v, u)
  end
  local uv, vv = 0.0, 0.0
  for i = 0, n - 1 do
    uv = uv + u[i] * v[i]
    vv = vv + v[i] * v[i]
  end
  return math.sqrt(uv / vv)
end

return { call = main, result = "f64" }
