// finding_page.cpp - see finding_page.h. Tested in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/finding_page.h"

#include "fuzz/triage/evidence.h"

namespace assay::cli {

fuzz::PageInput page_input(const fuzz::Signed& result, const fuzz::Finding& small, const std::string& file) {
  fuzz::PageInput out;
  out.finding = small;
  out.file = file;
  out.regression = fuzz::regression_name(small);
  if (!result.failure) return out;
  out.bisection = result.bisection;
  out.evidence = fuzz::gather(result.failure->program, result.failure->variant, result.bisection);
  return out;
}

Result<void> hand_over(const fuzz::Signed& result, const fuzz::Finding& small, const std::string& folder,
                       const std::string& name, std::vector<std::string> same, const std::string& date) {
  const std::string path = folder + "/" + name + ".air";
  if (auto written = fuzz::write_file_atomically(path, to_text(small, path)); !written) return written;
  fuzz::PageInput page = page_input(result, small, path);
  page.regression = name + ".air"; // no two groups have the same
  page.same = std::move(same);
  page.date = date;
  if (auto written = fuzz::write_file_atomically(folder + "/" + name + ".html", page_of(page)); !written)
    return written;
  if (!result.failure) return {}; // nobody has seen it fail: no test is made of it
  const std::string regress = folder + "/regress";
  if (auto made = fuzz::prepare_findings_folder(regress); !made) return made;
  const std::string text = fuzz::regression_file(small, page.regression);
  if (auto written = fuzz::write_file_atomically(regress + "/" + page.regression, text); !written) return written;
  return fuzz::write_file_atomically(regress + "/" + name + ".txt", fuzz::commit_note(small, page.regression));
}

} // namespace assay::cli
