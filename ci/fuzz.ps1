# ci/fuzz.ps1 - installs what is missing (vcpkg), builds, and fuzzes for one minute; findings go to .\findings.
#
#   ci\fuzz.ps1 [ARGUMENTS OF assay fuzz...]     e.g. ci\fuzz.ps1 600 --jobs 4
#   ci\fuzz.ps1 --help
#
# Exit status 0: nothing found. 1: a difference was found.
. (Join-Path $PSScriptRoot 'windows.ps1')
if ($args -contains '--help') { Get-Content $PSCommandPath | Select-Object -First 6; exit 0 }
Install-Missing
Build-Preset 'release-windows' @('assay_cli')
$arguments = @($args)
if ($arguments.Count -eq 0) { $arguments = @('60') }
if (-not ($arguments -match '^--findings')) { $arguments += @('--findings', 'findings') }
if (-not ($arguments -match '^--corpus')) { $arguments += @('--corpus', (Join-Path $AssayRoot 'corpus')) }
& (Find-Assay 'release-windows') fuzz @arguments
exit $LASTEXITCODE
