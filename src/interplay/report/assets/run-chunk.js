parent.postMessage(JSON.parse(document.getElementById("data")?.textContent ?? "null"), location.protocol === "file:" ? "*" : location.origin);
