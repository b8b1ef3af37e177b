// 可有可无：在目录里查找，并让语言跟着走。 Optional: searching in the list, and the language follows from page to page.
(function () {
  "use strict";
  var english = document.getElementById("en");
  var chinese = document.getElementById("zh");
  if (english && location.hash === "#en") english.checked = true;
  function follow() {
    var links = document.querySelectorAll("a[data-page]");
    for (var i = 0; i < links.length; i += 1) {
      links[i].hash = english && english.checked ? "en" : links[i].getAttribute("data-page");
    }
  }
  if (english && chinese) {
    english.addEventListener("change", follow);
    chinese.addEventListener("change", follow);
    follow();
  }
  var field = document.querySelector(".search");
  if (!field) return;
  field.parentNode.classList.remove("gone");
  var count = document.getElementById("count");
  var rows = document.querySelectorAll("#files tbody tr");
  field.addEventListener("input", function () {
    var words = field.value.toLowerCase().split(/\s+/);
    var shown = 0;
    for (var i = 0; i < rows.length; i += 1) {
      var text = rows[i].textContent.toLowerCase();
      var fits = words.every(function (word) { return text.indexOf(word) >= 0; });
      rows[i].className = fits ? "" : "gone";
      if (fits) shown += 1;
    }
    count.textContent = String(shown);
  });
})();
