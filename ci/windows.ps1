# windows.ps1 - what ci/test.ps1 and ci/fuzz.ps1 share. Dot-sourced, not run.
$ErrorActionPreference = 'Stop'
$AssayRoot = Split-Path -Parent $PSScriptRoot

function Stop-OnError([string]$What) { if ($LASTEXITCODE -ne 0) { throw "$What failed with status $LASTEXITCODE" } }

# Libraries come from vcpkg (vcpkg.json); a copy is fetched into build/vcpkg when VCPKG_ROOT names none.
function Install-Missing {
  if (-not $env:VCPKG_ROOT) { $env:VCPKG_ROOT = Join-Path $AssayRoot 'build/vcpkg' }
  if (-not (Test-Path (Join-Path $env:VCPKG_ROOT 'vcpkg.exe'))) {
    Write-Output "installing: vcpkg in $env:VCPKG_ROOT, then the libraries of vcpkg.json"
    if (-not (Test-Path $env:VCPKG_ROOT)) {
      git clone --quiet https://github.com/microsoft/vcpkg $env:VCPKG_ROOT; Stop-OnError 'git clone'
    }
    & (Join-Path $env:VCPKG_ROOT 'bootstrap-vcpkg.bat') -disableMetrics | Out-Null; Stop-OnError 'bootstrap-vcpkg'
  }
  if (-not (Get-Command ninja -ErrorAction SilentlyContinue)) { throw 'ninja is not on PATH: install the C++ tools of Visual Studio' }
}

function Build-Preset([string]$Preset, [string[]]$Targets) {
  Push-Location $AssayRoot
  try {
    if (-not (Test-Path "build/$Preset/build.ninja")) {
      Write-Output "configuring preset $Preset in build/$Preset"
      cmake --preset $Preset; Stop-OnError "cmake --preset $Preset"
    }
    $arguments = @('--build', "build/$Preset")
    if ($Targets) { $arguments += @('--target') + $Targets }
    cmake @arguments; Stop-OnError 'the build'
  } finally { Pop-Location }
}

function Find-Assay([string]$Preset) {
  (Get-ChildItem -Path (Join-Path $AssayRoot "build/$Preset") -Recurse -Filter assay.exe | Select-Object -First 1).FullName
}
