// result_sender_keeps: every logit of every reporting lane leaves once, in order, unchanged, and waits for its taker.
//
//   a beat, once offered, stays as it is until it is taken, whatever the taker does
//   lane and logit of the beats are the reporting lanes from 0 to the last, and 0 to logits - 1 in each; tlast ends a lane
//   a beat is the three bytes that memory A holds for its lane and logit
//   the operation ends with the last beat of the last lane, and without one if no lane is left to report
//
// Memory A is here a function of address and lane that a constant the solver chooses defines: any mix-up of them shows.
`default_nettype none

module result_sender_keeps (
    input wire clk_i,
    input wire rst_ni,
    input wire start_i,
    input wire tready_i
);
  localparam integer Lanes = 8;
  (* anyconst *) wire [11:0] source, logits;
  (* anyconst *) wire [Lanes-1:0] reports;
  (* anyconst *) wire [2:0] last_lane;
  (* anyconst *) wire [11:0] here; // a row and a lane, and what is there
  (* anyconst *) wire [2:0] lane_here;
  (* anyconst *) wire [7:0] octet_here;
  wire done, waiting, tvalid, tlast;
  wire [11:0] address;
  wire [2:0] lane;
  wire [31:0] tdata;
  reg active_q;

  // The bytes come back four clocks after their address.
  reg [7:0] octet1, octet2, octet3, octet4;
  wire [7:0] octet = address == here && lane == lane_here ? octet_here : 8'd0;

  always @(posedge clk_i) {octet4, octet3, octet2, octet1} <= {octet3, octet2, octet1, octet};

  result_sender #(
      .Lanes(Lanes)
  ) dut (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .start_i(start_i),
      .active_i(active_q),
      .source_i(source),
      .logits_i(logits),
      .reports_i(reports),
      .last_lane_i(last_lane),
      .done_o(done),
      .waiting_o(waiting),
      .address_o(address),
      .lane_o(lane),
      .scalar_i(octet4),
      .m_axis_tdata(tdata),
      .m_axis_tvalid(tvalid),
      .m_axis_tready(tready_i),
      .m_axis_tlast(tlast)
  );
  (* hierconn *) wire [1:0] \dut.state_q ;
  (* hierconn *) wire [2:0] \dut.clock_q ;
  (* hierconn *) wire [11:0] \dut.logit_q ;
  (* hierconn *) wire [11:0] \dut.final_q ;
  (* hierconn *) wire \dut.last_q ;
  (* hierconn *) wire [Lanes-1:0] \dut.reports_q ;
  localparam [1:0] Scan = 2'd0, Read = 2'd1, Offer = 2'd2;

  // What ought to come.
  wire taken = tvalid && tready_i;
  reg [11:0] logit;
  reg [Lanes-1:0] served;
  wire [Lanes-1:0] now_served = served | ((taken && tlast ? 8'd1 : 8'd0) << lane);
  wire [11:0] row = source + {logit[10:0], 1'b0} + logit;
  wire [23:0] expected = {
    row + 12'd2 == here && lane == lane_here ? octet_here : 8'd0,
    row + 12'd1 == here && lane == lane_here ? octet_here : 8'd0,
    row == here && lane == lane_here ? octet_here : 8'd0
  };
  wire [Lanes-1:0] wanted = reports & ~(8'hfe << last_lane);
  reg past = 0;
  reg waits, was_last;
  reg [31:0] was_data;

  always @(posedge clk_i) begin
    past <= 1'b1;
    if (!rst_ni || done) active_q <= 1'b0;
    else if (start_i) active_q <= 1'b1;
    if (start_i) begin
      logit  <= 12'd0;
      served <= {Lanes{1'b0}};
    end else begin
      if (taken) logit <= tlast ? 12'd0 : logit + 12'd1;
      served <= now_served;
    end
    waits    <= rst_ni && tvalid && !tready_i;
    was_last <= tlast;
    was_data <= tdata;
  end

  always @* begin
    assume (past ? !start_i || (rst_ni && !active_q) : !rst_ni);
    assume (logits != 12'd0 && logits <= 12'd1365);
    if (past && waits) assert (tvalid && tdata == was_data && tlast == was_last);
    if (past) assert (active_q || !tvalid);
    if (past && active_q) begin
      assert (waiting == (tvalid && !tready_i));
      if (tvalid) begin
        assert (tdata == {{8{expected[23]}}, expected} && tlast == (logit == logits - 12'd1));
        assert (wanted[lane] && (served >> lane) == 0);
      end
      if (done) assert (now_served == wanted && (!tvalid || taken));
      // What keeps it so.
      assert (lane <= last_lane && \dut.final_q == logits - 12'd1 && \dut.state_q <= Offer);
      assert (served == (wanted & ~(8'hff << lane)) && \dut.reports_q == reports >> lane);
      assert (\dut.state_q == Scan || (reports[lane] && logit == \dut.logit_q && logit < logits));
      if (\dut.state_q == Scan) assert (logit == 12'd0);
      if (\dut.state_q == Read) assert (address == row + (\dut.clock_q < 3'd3 ? \dut.clock_q : 12'd3) && \dut.clock_q <= 3'd6);
      if (\dut.state_q == Offer) assert (address == row + 12'd3);
      if (\dut.state_q == Offer || (\dut.state_q == Read && \dut.clock_q != 3'd0))
        assert (\dut.last_q == (logit == logits - 12'd1));
    end
  end
endmodule

`default_nettype wire
