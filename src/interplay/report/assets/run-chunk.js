parent.postMessage(JSON.parse(document.getElementById("data").textContent), location.protocol === "file:" ? "*" : location.origin);
