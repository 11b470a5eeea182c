# A workstation and a remote in one machine: `ops` has guild, `gpu` is the login that it
# reaches as gpu@localhost, the remote `guild-uat` of ~ops/.guild/config.yml.
#   docker build -t guild . && docker run -it --rm guild
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS machine

# By which uat/container/run finds the images that it has replaced.
LABEL guild-uat=""

# The remote gets sshd, rsync and a Python, nothing else; git is the workstation's. Host keys are made anew by each
# container's entry: an image that carries them gives them to everybody.
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      git openssh-client openssh-server python3 python3-venv rsync \
 && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* \
 && python3 -m venv /opt/guild \
 && for command in guild guild-pull guild-sync; do \
      ln -s /opt/guild/bin/$command /usr/local/bin/; done \
 && useradd --create-home --shell /bin/bash --password '*' ops \
 && useradd --create-home --shell /bin/bash --password '*' gpu \
 && install -d -o ops -g ops -m 700 /home/ops/.ssh /home/ops/.guild \
 && install -d -o gpu -g gpu -m 700 /home/gpu/.ssh

FROM machine

# uat/container/run brings wheels, for machines where a build reaches no package index;
# those of another Python's do not install, and the index is asked after all.
COPY . /tmp/project/
RUN cd /tmp/project \
 && if ! { [ -d wheels ] && /opt/guild/bin/pip install -q --no-index wheels/*.whl; }; then \
      echo "no wheels for $(python3 -V): asking the package index"; \
      /opt/guild/bin/pip install -q '.[notify,report,tensorboard]' pytest; fi \
 && install -m 755 uat/container/entry /usr/local/sbin/guild-uat-entry \
 && install -o ops -g ops -m 600 uat/container/config.yml /home/ops/.guild/config.yml \
 && cp -r uat /uat && cp setup.cfg /uat/ && chown -R ops:ops /uat \
 && rm -rf /tmp/project

WORKDIR /uat
ENTRYPOINT ["/usr/local/sbin/guild-uat-entry"]
CMD ["bash"]
