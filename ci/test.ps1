# ci/test.ps1 - installs what is missing (vcpkg), builds, and runs every test that this host can run.
#
#   ci\test.ps1 [CTEST ARGUMENT...]     e.g. ci\test.ps1 -L quick
#   ci\test.ps1 --help
#
# Run from a shell with the compiler on PATH (x64 Native Tools prompt). Results also in build/dev-windows/tests.xml.
. (Join-Path $PSScriptRoot 'windows.ps1')
if ($args -contains '--help') { Get-Content $PSCommandPath | Select-Object -First 6; exit 0 }
Install-Missing
Build-Preset 'dev-windows'
ctest --test-dir (Join-Path $AssayRoot 'build/dev-windows') --output-on-failure --no-tests=error `
  --output-junit (Join-Path $AssayRoot 'build/dev-windows/tests.xml') --parallel $env:NUMBER_OF_PROCESSORS @args
$status = $LASTEXITCODE
# What users are asked to run, as they would: rows and their ends, and a little stress.
$selftest = Join-Path $AssayRoot 'build/dev-windows/compiler/jit/selftest/assay_selftest.exe'
& $selftest
if ($LASTEXITCODE -ne 0) { $status = $LASTEXITCODE }
& $selftest stress 4 5000 50000
if ($LASTEXITCODE -ne 0) { $status = $LASTEXITCODE }
Build-Preset 'release-windows' @('assay_cli')
& (Find-Assay 'release-windows') check (Join-Path $AssayRoot 'corpus/run') (Join-Path $AssayRoot 'corpus/real')
if ($LASTEXITCODE -ne 0) { $status = $LASTEXITCODE }
exit $status
