-- run.lua KERNEL.lua CALLS ARGUMENT...: one call unmeasured, then so many; prints nanoseconds and a hash of all results.
--
-- For `assay bench --kernels`, which runs the programs of this folder beside those that it compiles. A kernel's file
-- gives a function and the type of its result. The hash is the one of fuzz/cli/bench_kernels.cpp: results are bits, zero
-- above the type's width.
local ffi = require("ffi")
local bit = require("bit")

ffi.cdef([[
typedef struct { long seconds, nanoseconds; } assay_time;
int clock_gettime(int clock, assay_time* out);
typedef union { double number; uint64_t bits; } assay_double;
]])

local bits_of = {
  i32 = function(value) return ffi.cast("uint64_t", ffi.cast("uint32_t", ffi.cast("int32_t", value))) end,
  i64 = function(value) return ffi.cast("uint64_t", ffi.cast("int64_t", value)) end,
  f64 = function(value) return ffi.new("assay_double", value).bits end,
}

local function now()
  local time = ffi.new("assay_time")
  ffi.C.clock_gettime(1, time)
  return tonumber(time.seconds) * 1e9 + tonumber(time.nanoseconds)
end

local kernel = dofile(arg[1])
local calls = tonumber(arg[2])
local args = {}
for i = 3, #arg do args[i - 2] = bit.tobit(tonumber(arg[i])) end
local call, to_bits = kernel.call, bits_of[kernel.result]
local hash = 0ULL
local start = 0
for i = 0, calls do
  if i == 1 then start = now() end
  hash = bit.bxor(hash, to_bits(call(args[1], args[2], args[3]))) * 0x9e3779b97f4a7c15ULL
end
io.write(string.format("%.0f %s\n", now() - start, (tostring(hash):gsub("ULL", ""))))
